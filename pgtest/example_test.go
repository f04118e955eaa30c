package pgtest_test

import (
	"context"
	"testing"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

// A test function calls New with its own t.
func ExampleNew() {
	_ = func(t *testing.T) { // func TestFruit(t *testing.T)
		t.Parallel()
		db := pgxtest.New(t, pgtest.SQL("CREATE TABLE fruit (name text)"))
		if _, err := db.Pool(t).Exec(t.Context(), "INSERT INTO fruit VALUES ('fig')"); err != nil {
			t.Fatal(err)
		}
	}
}

// A migration library takes the connection string.
func ExampleMigrate() {
	migrate := func(_ context.Context, connString string) error { return nil } // the library's
	_ = func(t *testing.T) {
		pgtest.New(t, pgtest.Migrate("schema", func(ctx context.Context, db *pgtest.DB) error {
			return migrate(ctx, db.ConnString())
		}))
	}
}

// Save and Reset go back to a state that took long to make.
func ExampleDB_Reset() {
	_ = func(t *testing.T) {
		db := pgtest.New(t, pgtest.SQL("CREATE TABLE fruit AS SELECT generate_series(1, 100000) AS n"))
		db.Save(t)
		for range 3 {
			if err := db.Exec(t.Context(), "DELETE FROM fruit"); err != nil {
				t.Fatal(err)
			}
			db.Reset(t)
		}
	}
}
