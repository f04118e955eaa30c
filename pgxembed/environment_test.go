package pgxembed_test

import (
	"context"
	"os"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/testenv"
	"nself.org/embeddedpg/pgxembed"
)

// TestEnvironment connects in each way under each variable that libpq reads, and finds the same session.
func TestEnvironment(t *testing.T) {
	for _, v := range testenv.Libpq {
		t.Setenv(v.Name, "")
		os.Unsetenv(v.Name)
	}
	s := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	const session = "SELECT concat_ws('|', current_user, current_database(), current_setting('TimeZone'), current_setting('DateStyle'), current_setting('search_path'), current_setting('application_name'), current_setting('statement_timeout'))"
	const want = `postgres|postgres|UTC|ISO, MDY|"$user", public||0`
	for _, v := range testenv.Libpq {
		t.Run(v.Name, func(t *testing.T) {
			t.Setenv(v.Name, v.Value)
			conn, err := pgxembed.Connect(ctx, s, "")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(ctx)
			pool, err := pgxembed.NewPool(ctx, s, "")
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			db, err := pgxembed.OpenDB(s, "")
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			var one, two, three string
			if err := conn.QueryRow(ctx, session).Scan(&one); err != nil || one != want {
				t.Error("Connect:", one, err)
			}
			if err := pool.QueryRow(ctx, session).Scan(&two); err != nil || two != want {
				t.Error("NewPool:", two, err)
			}
			if err := db.QueryRowContext(ctx, session).Scan(&three); err != nil || three != want {
				t.Error("OpenDB:", three, err)
			}
		})
	}
}
