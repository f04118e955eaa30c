package testsuite_test

import (
	"errors"
	"fmt"
	"testing"

	"testsuite"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

// newUsers is all that a test needs: the migrations run once, each test gets a clone.
func newUsers(t *testing.T) testsuite.Users {
	t.Helper()
	t.Parallel()
	db := pgxtest.New(t, pgtest.MigrateFS(testsuite.Migrations, "migrations/*.sql"))
	return testsuite.Users{Pool: db.Pool(t)}
}

func TestFind(t *testing.T) {
	users := newUsers(t)
	id, err := users.Add(t.Context(), "ann@example.org")
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"ann@example.org", "Ann@Example.org"} {
		if got, err := users.Find(t.Context(), address); err != nil || got != id {
			t.Error(address, got, err)
		}
	}
}

func TestUnknown(t *testing.T) {
	users := newUsers(t)
	if _, err := users.Find(t.Context(), "ann@example.org"); !errors.Is(err, testsuite.ErrUnknown) {
		t.Error(err) // not the one of TestFind
	}
}

func TestTaken(t *testing.T) {
	for i := range 10 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			users := newUsers(t)
			if _, err := users.Add(t.Context(), "ann@example.org"); err != nil {
				t.Fatal(err)
			}
			if _, err := users.Add(t.Context(), "ANN@example.org"); !errors.Is(err, testsuite.ErrTaken) {
				t.Error(err)
			}
		})
	}
}

// TestReset goes back to the state after a long preparation instead of doing it again.
func TestReset(t *testing.T) {
	t.Parallel()
	db := pgxtest.New(t, pgtest.MigrateFS(testsuite.Migrations, "migrations/*.sql"))
	if err := db.Exec(t.Context(), "INSERT INTO users (address) SELECT i || '@example.org' FROM generate_series(1, 10000) i"); err != nil {
		t.Fatal(err)
	}
	db.Save(t)
	for range 3 {
		conn := db.Conn(t)
		tag, err := conn.Exec(t.Context(), "DELETE FROM users")
		if err != nil || tag.RowsAffected() != 10000 {
			t.Fatal(tag, err)
		}
		conn.Close(t.Context())
		db.Reset(t)
	}
}
