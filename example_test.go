package embeddedpg_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/pgxembed"
)

// The zero Config is a server with a temporary cluster. Any driver connects with its connection string.
func Example() {
	ctx := context.Background()
	server, err := embeddedpg.Start(ctx, embeddedpg.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	conn, err := pgx.Connect(ctx, server.ConnString(""))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	var version string
	if err := conn.QueryRow(ctx, "SHOW server_version_num").Scan(&version); err != nil {
		log.Fatal(err)
	}
	fmt.Println("PostgreSQL", version[:2])
	// Output: PostgreSQL 18
}

// With a data directory the data stays: the second server finds what the first one was told.
func ExampleStart_dataDir() {
	ctx := context.Background()
	parent, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(parent)
	for range 2 {
		server, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: filepath.Join(parent, "data")})
		if err != nil {
			log.Fatal(err)
		}
		conn, err := pgxembed.Connect(ctx, server, "") // in process: needs no password
		if err != nil {
			log.Fatal(err)
		}
		if _, err := conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS start (at timestamptz); INSERT INTO start VALUES (now())"); err != nil {
			log.Fatal(err)
		}
		var starts int
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM start").Scan(&starts); err != nil {
			log.Fatal(err)
		}
		fmt.Println(starts)
		conn.Close(ctx)
		if err := server.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 1
	// 2
}

// Dial connects within the program. Package pgxembed does this in one line.
func ExampleServer_Dial() {
	ctx := context.Background()
	server, err := embeddedpg.Start(ctx, embeddedpg.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	config, err := pgx.ParseConfig("user=postgres dbname=postgres sslmode=disable")
	if err != nil {
		log.Fatal(err)
	}
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return server.Dial(ctx) }
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	var sum int
	if err := conn.QueryRow(ctx, "SELECT sum(n) FROM generate_series(1, 10) n").Scan(&sum); err != nil {
		log.Fatal(err)
	}
	fmt.Println(sum)
	// Output: 55
}

// A snapshot of a running server, and a second server on a copy of it.
func ExampleServer_Snapshot() {
	ctx := context.Background()
	parent, err := os.MkdirTemp("", "example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(parent)
	server, err := embeddedpg.Start(ctx, embeddedpg.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	snapshot := filepath.Join(parent, "snapshot")
	if err := server.Snapshot(ctx, snapshot); err != nil {
		log.Fatal(err)
	}
	demo, err := embeddedpg.Start(ctx, embeddedpg.Config{CopyFrom: snapshot})
	if err != nil {
		log.Fatal(err)
	}
	defer demo.Close()
	conn, err := pgxembed.Connect(ctx, demo, "")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close(ctx)
	fmt.Println(conn.Ping(ctx) == nil)
	// Output: true
}
