package sessions

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// slack is how late something may come on a machine that others use too.
const slack = 10 * time.Second

// busy are statements that would run for minutes and more. They differ in what they do meanwhile, and so in
// where they notice that they are to end.
var busy = []struct{ name, sql string }{
	{"sleep", "SELECT pg_sleep(600)"},
	{"join", "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"},
	{"PL/pgSQL loop", "DO $$ BEGIN LOOP END LOOP; END $$"},
	{"PL/pgSQL that catches", "DO $$ BEGIN LOOP BEGIN PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN END; END LOOP; END $$"},
	{"recursion", "WITH RECURSIVE r(i) AS (SELECT 1::bigint UNION ALL SELECT i + 1 FROM r) SELECT max(i) FROM (SELECT i FROM r OFFSET 1000000000) x"},
	{"sort", "SELECT count(*) FROM (SELECT a % 1000 * b FROM generate_series(1, 10000) a, generate_series(1, 10000) b ORDER BY 1) x"},
	{"regular expression", `SELECT repeat('x', 501) || 'y' ~ '^(x*)(x*)(x*)(x*)(x*)\1\2\3\4\5y$'`},
}

// latency logs how long after its cause something ended, and fails the test if that is too long.
func latency(t *testing.T, what string, d time.Duration) {
	t.Helper()
	t.Logf("%-22s ended %6.1f ms later", what, float64(d.Microseconds())/1000)
	if d > slack {
		t.Errorf("%s: ended after %v", what, d)
	}
}

// TestCancelPsql sends SIGINT to psql, as Ctrl-C does, while its statement runs.
func TestCancelPsql(t *testing.T) {
	t.Parallel()
	watch := connect(t, server(t))
	for _, c := range busy {
		s := open(t, server(t), "cancelled", options{})
		s.send(c.sql + ";")
		eventually(t, watch, c.name, isActive, s.pid)
		time.Sleep(50 * time.Millisecond) // so that it is at it
		begin := time.Now()
		if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		// Its script interrupted, psql reads no further.
		s.ends(3, "ERROR:  canceling statement due to user request")
		latency(t, c.name, time.Since(begin))
		eventually(t, watch, "the backend's end", isGone, s.pid)
	}
}

// TestCancelRequest cancels by the protocol, and the session goes on: its transaction too, from a savepoint.
func TestCancelRequest(t *testing.T) {
	s := server(t)
	ctx := testContext(t)
	watch := connect(t, s)
	schema := newSchema(t, watch)
	c := connect(t, s)
	run(t, c, "SET search_path = "+schema)
	run(t, c, "CREATE TABLE t AS SELECT 1 AS i")
	for _, b := range busy {
		run(t, c, "BEGIN")
		run(t, c, "UPDATE t SET i = i + 1")
		run(t, c, "SAVEPOINT s")
		ended := make(chan error, 1)
		go func() { ended <- c.PgConn().Exec(ctx, b.sql).Close() }()
		eventually(t, watch, b.name, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND query = $2)", c.PgConn().PID(), b.sql)
		time.Sleep(50 * time.Millisecond)
		begin := time.Now()
		if err := c.PgConn().CancelRequest(ctx); err != nil {
			t.Fatal(err)
		}
		err := <-ended
		latency(t, b.name, time.Since(begin))
		if sqlState(err) != "57014" {
			t.Fatalf("%s: %v", b.name, err)
		}
		run(t, c, "ROLLBACK TO s")
		run(t, c, "COMMIT")
	}
	if got := one[int](t, c, "SELECT i FROM t"); got != 1+len(busy) {
		t.Errorf("%d transactions are committed, want %d", got-1, len(busy))
	}

	// A cancel that comes late or with another key does nothing.
	if err := c.PgConn().CancelRequest(ctx); err != nil {
		t.Fatal(err)
	}
	stranger := connect(t, s).PgConn()
	key := stranger.SecretKey()
	ended := make(chan error, 1)
	go func() { ended <- c.PgConn().Exec(ctx, "SELECT pg_sleep(0.3)").Close() }()
	eventually(t, watch, "sleep", isActive, c.PgConn().PID())
	hijacked, err := stranger.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	defer hijacked.Conn.Close()
	hijacked.PID, hijacked.SecretKey = c.PgConn().PID(), key
	wrong, err := pgconn.Construct(hijacked)
	if err != nil {
		t.Fatal(err)
	}
	if err := wrong.CancelRequest(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error("cancelled with another session's key:", err)
	}
}

// sqlState returns the SQLSTATE of a server's error; "" of others.
func sqlState(err error) string {
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestStatementTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 100 * time.Millisecond
	a, _ := pair(t)
	a.query("CREATE TABLE t AS SELECT 1 AS i;")
	for _, c := range busy {
		a.query("BEGIN; UPDATE t SET i = i + 1; SAVEPOINT s;")
		begin := time.Now()
		a.send(fmt.Sprintf("SET LOCAL statement_timeout = %d; %s;", timeout.Milliseconds(), c.sql))
		r := a.answer()
		took := r.at.Sub(begin)
		if r.state != "57014" || !strings.Contains(r.text, "statement timeout") {
			t.Errorf("%s: %+v", c.name, r)
		}
		if took < timeout {
			t.Errorf("%s: ended after %v, want %v", c.name, took, timeout)
		}
		latency(t, c.name, took-timeout)
		a.query("ROLLBACK TO s; COMMIT;")
	}
	a.is("SELECT i FROM t;", fmt.Sprint(1+len(busy)))
	a.query("SET statement_timeout = '10s'; SELECT pg_sleep(0.3);")
}

// TestTerminate ends a session from another: idle, in a transaction, and at work. What it held is free then.
func TestTerminate(t *testing.T) {
	t.Parallel()
	const lastWords = "terminating connection due to administrator command"
	watch := connect(t, server(t))
	cases := append(busy, struct{ name, sql string }{"idle", ""}, struct{ name, sql string }{"idle in transaction", "SELECT 1"})
	for _, c := range cases {
		t.Run(strings.ReplaceAll(c.name, "/", ""), func(t *testing.T) {
			a, b := pair(t)
			a.query("CREATE TABLE t (i int); INSERT INTO t VALUES (0);")
			if c.name != "idle" {
				a.query("BEGIN; UPDATE t SET i = 1; SELECT pg_advisory_lock(8);")
			}
			working := !strings.HasPrefix(c.name, "idle")
			if working {
				a.send(c.sql + ";")
				eventually(t, watch, c.name, isActive, a.pid)
				b.fails("SELECT FROM t FOR UPDATE NOWAIT;", "55P03")
			}
			begin := time.Now()
			b.is(fmt.Sprintf("SELECT pg_terminate_backend(%d);", a.pid), "t")
			eventually(t, watch, "the backend's end", isGone, a.pid)
			latency(t, c.name, time.Since(begin))
			b.is(fmt.Sprintf("SELECT pg_terminate_backend(%d);", a.pid), fmt.Sprintf("WARNING:  PID %d is not a PostgreSQL backend process\nf", a.pid))
			b.is("SELECT i FROM t FOR UPDATE NOWAIT;", "0")
			b.is("SELECT pg_try_advisory_lock(8);", "t")
			if !working {
				a.send("SELECT 1;") // only now psql looks
			}
			a.ends(2, lastWords)
		})
	}
}

// TestIdleInTransaction lets a session do nothing in a transaction for too long.
func TestIdleInTransaction(t *testing.T) {
	t.Parallel()
	const timeout = 200 * time.Millisecond
	watch := connect(t, server(t))
	a, b := pair(t)
	a.query("CREATE TABLE t (i int); INSERT INTO t VALUES (0);")
	a.query(fmt.Sprintf("SET idle_in_transaction_session_timeout = %d;", timeout.Milliseconds()))
	time.Sleep(2 * timeout)                                     // idle, but in no transaction
	a.query("BEGIN; UPDATE t SET i = 1; SELECT pg_sleep(0.4);") // in one, but not idle
	begin := time.Now()
	b.send("UPDATE t SET i = i + 10 RETURNING i;") // waits for the row
	r := b.answer()
	took := r.at.Sub(begin)
	if r.text != "10" {
		t.Fatalf("%+v", r)
	}
	if took < timeout/2 || took > timeout+slack {
		t.Errorf("the row was free after %v, want %v", took, timeout)
	}
	t.Log("row free", took-timeout, "after the time")
	eventually(t, watch, "the backend's end", isGone, a.pid)
	a.send("COMMIT;")
	a.ends(2, "terminating connection due to idle-in-transaction timeout")
	b.is("SELECT i FROM t;", "10")
}

// TestLostClient kills a psql amid its transaction: the server rolls back and lets go what it held.
func TestLostClient(t *testing.T) {
	t.Parallel()
	watch := connect(t, server(t))
	a, b := pair(t)
	a.query("CREATE TABLE t (i int); INSERT INTO t VALUES (0);")
	a.query("BEGIN; UPDATE t SET i = 1;")
	b.send("UPDATE t SET i = i + 10 RETURNING i;")
	eventually(t, watch, "waiting for the row", waitsFor, b.pid, a.pid)
	begin := time.Now()
	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	r := b.answer()
	if r.text != "10" {
		t.Fatalf("%+v", r)
	}
	latency(t, "lost client", r.at.Sub(begin))
	eventually(t, watch, "the backend's end", isGone, a.pid)
}
