package pgxembed_test

import (
	"context"
	"fmt"
	"log"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/pgxembed"
)

func ExampleConnect() {
	ctx := context.Background()
	server, err := embeddedpg.Start(ctx, embeddedpg.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	conn, err := pgxembed.Connect(ctx, server, "")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)

	var sum int
	if err := conn.QueryRow(ctx, "SELECT sum(i) FROM generate_series(1, 100) i").Scan(&sum); err != nil {
		log.Fatal(err)
	}
	fmt.Println(sum)
	// Output: 5050
}

func ExampleNewPool() {
	ctx := context.Background()
	server, err := embeddedpg.Start(ctx, embeddedpg.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	pool, err := pgxembed.NewPool(ctx, server, "")
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	if _, err := pool.Exec(ctx, "CREATE TABLE fruit (name text, price numeric)"); err != nil {
		log.Fatal(err)
	}
	if _, err := pool.Exec(ctx, "INSERT INTO fruit VALUES ('apple', 0.40), ('fig', 0.75)"); err != nil {
		log.Fatal(err)
	}
	var dearest string
	if err := pool.QueryRow(ctx, "SELECT name FROM fruit ORDER BY price DESC LIMIT 1").Scan(&dearest); err != nil {
		log.Fatal(err)
	}
	fmt.Println(dearest)
	// Output: fig
}

func ExampleOpenDB() {
	server, err := embeddedpg.Start(context.Background(), embeddedpg.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	db, err := pgxembed.OpenDB(server, "")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	var word string
	if err := db.QueryRow("SELECT upper($1)", "postgres").Scan(&word); err != nil {
		log.Fatal(err)
	}
	fmt.Println(word)
	// Output: POSTGRES
}
