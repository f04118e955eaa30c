package pgtest_test

import (
	"context"
	"embed"
	"testing"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

// TestExamples runs the examples, each of which hands its test to asTest.
func TestExamples(t *testing.T) {
	for name, example := range map[string]func(){
		"New": ExampleNew, "Migrate": ExampleMigrate, "MigrateFS": ExampleMigrateFS, "Reset": ExampleDB_Reset,
	} {
		ran := false
		asTest = func(test func(*testing.T)) { ran = t.Run(name, test) }
		if example(); !ran {
			t.Error(name, "fails or hands no test to run")
		}
	}
}

// asTest runs the test of an example, which has no *testing.T.
var asTest = func(func(*testing.T)) {}

// Each test has a database of its own.
func ExampleNew() {
	asTest(func(t *testing.T) { // func TestFruit(t *testing.T) {
		t.Parallel()
		db := pgxtest.New(t, pgtest.SQL("CREATE TABLE fruit (name text)"))
		if _, err := db.Pool(t).Exec(t.Context(), "INSERT INTO fruit VALUES ('fig')"); err != nil {
			t.Fatal(err)
		}
	})
}

//go:embed testdata/*.sql
var migrations embed.FS

// Migrations come from the files that the program embeds, whichever tool they were written for.
func ExampleMigrateFS() {
	asTest(func(t *testing.T) { // func TestFruit(t *testing.T) {
		db := pgxtest.New(t, pgtest.MigrateFS(migrations, "testdata/*.sql"))
		if _, err := db.Pool(t).Exec(t.Context(), "INSERT INTO fruit VALUES ('fig')"); err != nil {
			t.Fatal(err)
		}
	})
}

// A migration library takes the connection string. Files says what it depends on.
func ExampleMigrate() {
	migrate := func(ctx context.Context, connString string) error { return nil } // the library's
	asTest(func(t *testing.T) {                                                  // func TestFruit(t *testing.T) {
		pgtest.New(t, pgtest.Migrate("schema", func(ctx context.Context, db *pgtest.DB) error {
			return migrate(ctx, db.ConnString())
		}, pgtest.Files(migrations)))
	})
}

// Save and Reset go back to a state that took long to make.
func ExampleDB_Reset() {
	asTest(func(t *testing.T) { // func TestFruit(t *testing.T) {
		db := pgtest.New(t, pgtest.SQL("CREATE TABLE fruit AS SELECT generate_series(1, 100000) AS n"))
		db.Save(t)
		for range 3 {
			if err := db.Exec(t.Context(), "DELETE FROM fruit"); err != nil {
				t.Fatal(err)
			}
			db.Reset(t)
		}
	})
}
