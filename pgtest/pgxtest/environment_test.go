package pgxtest_test

import (
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg/internal/testenv"
	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(func() int {
		defer pgtest.Close()
		return m.Run()
	}))
}

// TestEnvironment connects in each way under each variable that libpq reads, and finds the same session.
func TestEnvironment(t *testing.T) {
	for _, v := range testenv.Libpq {
		t.Setenv(v.Name, "")
		os.Unsetenv(v.Name)
	}
	db := pgxtest.New(t)
	const session = "SELECT concat_ws('|', current_user, current_database(), current_setting('TimeZone'), current_setting('DateStyle'), current_setting('search_path'), current_setting('application_name'), current_setting('statement_timeout'))"
	want := "postgres|" + db.Name() + `|UTC|ISO, MDY|"$user", public||0`
	for _, v := range testenv.Libpq {
		t.Run(v.Name, func(t *testing.T) {
			t.Setenv(v.Name, v.Value)
			var one, two, three string
			if err := db.Conn(t).QueryRow(t.Context(), session).Scan(&one); err != nil || one != want {
				t.Error("Conn:", one, err)
			}
			if err := db.Pool(t).QueryRow(t.Context(), session).Scan(&two); err != nil || two != want {
				t.Error("Pool:", two, err)
			}
			if err := db.SQLDB(t).QueryRowContext(t.Context(), session).Scan(&three); err != nil || three != want {
				t.Error("SQL:", three, err)
			}
		})
	}
	c, err := pgx.Connect(t.Context(), db.ConnString()) // the environment is clean again
	if err != nil {
		t.Fatal(err)
	}
	c.Close(t.Context())
}
