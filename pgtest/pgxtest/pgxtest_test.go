package pgxtest_test

import (
	"testing"
	"time"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

// TestSaveReset: pools and handles of ours are no connections in the way of Save, and work after Reset.
func TestSaveReset(t *testing.T) {
	db := pgxtest.New(t, pgtest.SQL("CREATE TABLE a AS SELECT 1 AS n"))
	pool, handle := db.Pool(t), db.SQLDB(t)
	count := func(want int) {
		t.Helper()
		for range 3 { // more than one connection of each
			var n int
			if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM a").Scan(&n); err != nil || n != want {
				t.Fatal("pool:", n, err)
			}
			if err := handle.QueryRow("SELECT count(*) FROM a").Scan(&n); err != nil || n != want {
				t.Fatal("handle:", n, err)
			}
		}
	}
	taken, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	count(1)
	if _, err := pool.Exec(t.Context(), "INSERT INTO a VALUES (2)"); err != nil {
		t.Fatal(err)
	}
	count(2)
	db.Reset(t)
	if err := taken.Ping(t.Context()); err == nil {
		t.Error("a connection that was taken survives Reset")
	}
	taken.Release()
	count(1)
	if _, err := handle.Exec("INSERT INTO a VALUES (2), (3)"); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	db.Save(t)
	if d := time.Since(begin); d > 4*time.Second { // it would have waited for the connections in vain
		t.Error("Save took", d)
	}
	count(3)
	if _, err := pool.Exec(t.Context(), "TRUNCATE a"); err != nil {
		t.Fatal(err)
	}
	db.Reset(t)
	count(3)
}
