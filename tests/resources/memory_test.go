//go:build linux

package resources

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// greedy are statements that need more than 128 MiB in one session, each in another way.
var greedy = map[string]string{
	"a value":       "SELECT length(repeat('x', 200000000))",
	"an array":      "SELECT array_length(array_agg(repeat(md5(i::text), 100)), 1) FROM generate_series(1, 100000) AS i",
	"a text":        "SELECT length(string_agg(repeat(md5(i::text), 100), ',')) FROM generate_series(1, 100000) AS i",
	"a sort":        "SET work_mem = '1GB'; SELECT count(*) FROM (SELECT repeat(md5(i::text), 20) AS t FROM generate_series(1, 300000) AS i ORDER BY t) AS s",
	"a procedure":   "DO $$ DECLARE a text[] := '{}'; BEGIN FOR i IN 1..100000 LOOP a := a || repeat(md5(i::text), 100); END LOOP; END $$",
	"maintenance":   "SET max_parallel_maintenance_workers = 0; SET maintenance_work_mem = '1GB'; CREATE TEMP TABLE big AS SELECT repeat(md5(i::text), 15) AS t FROM generate_series(1, 300000) AS i; CREATE INDEX ON big (t)",
	"many portals":  "DO $$ DECLARE c refcursor; BEGIN FOR i IN 1..1000000 LOOP c := 'c' || i; OPEN c FOR SELECT 1; END LOOP; END $$",
	"a large value": "SELECT sum(length(b)) FROM (SELECT decode(repeat('ab', 100000000), 'hex') AS b) AS s",
}

// sessionMemory: who needs more than Config.SessionMemory gets SQLSTATE 53200, and nobody else notices.
func sessionMemory(t *testing.T) {
	cfg := config(t, &records{})
	cfg.SessionMemory = 128 << 20
	s := start(t, cfg)
	first := mustConnect(t, s)
	begun := one[time.Time](t, first, "SELECT pg_postmaster_start_time()")
	stop := make(chan struct{})
	ended := make(chan error, 1)
	other := mustConnect(t, s)
	go func() {
		for {
			select {
			case <-stop:
				ended <- nil
				return
			default:
			}
			if _, err := other.Exec(context.Background(), "SELECT sum(i) FROM generate_series(1, 10000) AS i"); err != nil {
				ended <- err
				return
			}
		}
	}()
	c := mustConnect(t, s)
	for name, sql := range greedy {
		_, err := c.Exec(testContext(t), sql)
		var e *pgconn.PgError
		if !errors.As(err, &e) || e.Code != "53200" || e.Severity != "ERROR" {
			t.Errorf("%s: %v", name, err)
		}
		exec(t, c, "RESET ALL")
		if n := one[int](t, c, "SELECT sum(i) FROM generate_series(1, 1000) AS i"); n != 500500 {
			t.Errorf("after %s: %d", name, n)
		}
	}
	c = mustConnect(t, s) // the heap of the first one is in pieces
	exec(t, c, "SET work_mem = '4MB'")
	if n := one[int](t, c, "SELECT count(*) FROM (SELECT repeat(md5(i::text), 20) AS t FROM generate_series(1, 300000) AS i ORDER BY t) AS s"); n != 300000 {
		t.Error(n)
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Error("another session: ", err)
	}
	if now := one[time.Time](t, first, "SELECT pg_postmaster_start_time()"); !now.Equal(begun) {
		t.Error("the server has restarted")
	}
}

// arenaFull: a parallel index build whose shared memory does not fit is out of memory, not an internal error.
func arenaFull(t *testing.T) {
	s := start(t, config(t, &records{}))
	c := mustConnect(t, s)
	exec(t, c, "CREATE EXTENSION vector")
	exec(t, c, "CREATE TABLE v AS SELECT ARRAY[i, i, i]::vector(3) AS v FROM generate_series(1, 20000) AS i")
	exec(t, c, "ALTER TABLE v SET (parallel_workers = 2); SET max_parallel_maintenance_workers = 2; SET min_parallel_table_scan_size = 0")
	for _, size := range []string{"1600MB", "1900MB"} {
		exec(t, c, "SET maintenance_work_mem = '"+size+"'")
		_, err := c.Exec(testContext(t), "CREATE INDEX ON v USING hnsw (v vector_l2_ops)")
		var e *pgconn.PgError
		if !errors.As(err, &e) || e.Code != "53200" {
			t.Errorf("with %s: %v", size, err)
		}
	}
	exec(t, c, "SET maintenance_work_mem = '64MB'")
	exec(t, c, "CREATE INDEX ON v USING hnsw (v vector_l2_ops)")
}
