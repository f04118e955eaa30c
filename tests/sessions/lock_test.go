package sessions

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// still fails the test if the session's answer is there already. It looks again after a while in which a
// session that does not wait would have answered.
func still(t *testing.T, s *session) {
	t.Helper()
	time.Sleep(50 * time.Millisecond)
	if s.answered() {
		t.Fatalf("%s did not wait: %+v", s.name, s.answer())
	}
}

// TestRowLock lets one session wait for the other's row until it commits or rolls back. The waiter's result
// and the server's clock prove the order.
func TestRowLock(t *testing.T) {
	t.Parallel()
	const now = "to_char(clock_timestamp(), 'YYYY-MM-DD HH24:MI:SS.US')" // its order is that of time
	for _, c := range []struct{ end, waiter, want string }{
		{"COMMIT", "UPDATE t SET v = v * 10 + 2 RETURNING v", "12"},
		{"ROLLBACK", "UPDATE t SET v = v * 10 + 2 RETURNING v", "2"},
		{"COMMIT", "SELECT v FROM t FOR SHARE", "1"},
		{"COMMIT", "DELETE FROM t RETURNING v", "1"},
		{"COMMIT", "INSERT INTO t VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET v = t.v * 10 + EXCLUDED.v RETURNING v", "15"},
	} {
		name, _, _ := strings.Cut(c.waiter, " ")
		t.Run(name+" after "+c.end, func(t *testing.T) {
			watch := connect(t, server(t))
			a, b := pair(t)
			a.query("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 0);")
			a.query("BEGIN; UPDATE t SET v = v * 10 + 1;")
			b.send("WITH w AS (" + c.waiter + ") SELECT v, " + now + " FROM w;")
			eventually(t, watch, "waiting for the row", waitsFor, b.pid, a.pid)
			still(t, b)
			before := a.query("SELECT " + now + ";")
			a.query(c.end + ";")
			v, after, _ := strings.Cut(b.wants(success), "|")
			if v != c.want {
				t.Errorf("v is %s, want %s", v, c.want)
			}
			if after <= before {
				t.Errorf("the waiter went on at %s, and its lock was held until %s", after, before)
			}
		})
	}
}

// TestAdvisoryLock holds one number against another session's attempts.
func TestAdvisoryLock(t *testing.T) {
	watch := connect(t, server(t))
	a, b := pair(t)
	a.is("SELECT pg_try_advisory_lock(4711);", "t")
	a.is("SELECT pg_try_advisory_lock(4711);", "t") // again by its holder
	b.is("SELECT pg_try_advisory_lock(4711);", "f")
	b.is("SELECT pg_try_advisory_lock_shared(4711);", "f")
	b.is("SELECT pg_try_advisory_lock(4712);", "t")
	b.is("SELECT pg_try_advisory_lock(0, 4711);", "t") // two halves are another name space
	b.is("SELECT pg_advisory_unlock(4711);", "WARNING:  you don't own a lock of type ExclusiveLock\nf")

	b.send("SELECT pg_advisory_lock(4711), 'woken';")
	eventually(t, watch, "waiting for the number", waitsFor, b.pid, a.pid)
	a.is("SELECT pg_advisory_unlock(4711);", "t") // once of twice
	still(t, b)
	begin := time.Now()
	a.is("SELECT pg_advisory_unlock(4711);", "t")
	woken := b.answer()
	if woken.text != "|woken" {
		t.Fatalf("%+v", woken)
	}
	t.Log("woken after", woken.at.Sub(begin))
	a.is("SELECT pg_try_advisory_lock(4711);", "f")

	// A transaction's lock ends with it, a session's with psql.
	a.query("BEGIN; SELECT pg_advisory_xact_lock(5);")
	b.is("SELECT pg_try_advisory_lock(5);", "f")
	a.query("COMMIT;")
	b.is("SELECT pg_try_advisory_lock(5);", "t")
	a.send("SELECT pg_advisory_lock(5), 'woken';")
	eventually(t, watch, "waiting for the session's end", waitsFor, a.pid, b.pid)
	b.send(`\q`)
	if got := a.wants(success); got != "|woken" {
		t.Error(got)
	}
	a.is("SELECT pg_try_advisory_lock(4711);", "t")
}

// TestExclusion counts in a table without atomic updates, guarded by an advisory lock: a lock that two hold
// loses counts.
func TestExclusion(t *testing.T) {
	const sessions = 4
	rounds := 250
	if testing.Short() {
		rounds = 50 // each is a commit, and so waits for the disk
	}
	s := server(t)
	admin := connect(t, s)
	o := options{schema: newSchema(t, admin)}
	run(t, admin, "CREATE TABLE counter (n int)")
	run(t, admin, "INSERT INTO counter VALUES (0)")
	run(t, admin, fmt.Sprintf(`CREATE PROCEDURE count_up() LANGUAGE plpgsql AS $$ DECLARE v int; BEGIN
		FOR i IN 1..%d LOOP
			PERFORM pg_advisory_lock(99);
			SELECT n INTO v FROM counter;
			UPDATE counter SET n = v + 1;
			COMMIT;
			PERFORM pg_advisory_unlock(99);
		END LOOP;
	END $$`, rounds))
	var all []*session
	for i := range sessions {
		all = append(all, open(t, s, fmt.Sprint("counter ", i), o))
	}
	for _, p := range all {
		p.send("CALL count_up();")
	}
	for _, p := range all {
		p.wants(success)
	}
	if got := one[int](t, admin, "SELECT n FROM counter"); got != sessions*rounds {
		t.Errorf("counted to %d, want %d", got, sessions*rounds)
	}
}

// TestLockTimeout lets a wait for each kind of lock end by itself, neither early nor much too late.
func TestLockTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 150 * time.Millisecond
	a, b := pair(t)
	a.query("CREATE TABLE t (i int PRIMARY KEY); INSERT INTO t VALUES (1);")
	a.query("BEGIN; UPDATE t SET i = 1; SELECT pg_advisory_xact_lock(77);")
	b.query(fmt.Sprintf("SET lock_timeout = %d;", timeout.Milliseconds()))
	for _, sql := range []string{"UPDATE t SET i = 2", "ALTER TABLE t ADD j int", "SELECT pg_advisory_lock(77)", "BEGIN; LOCK TABLE t"} {
		begin := time.Now()
		b.send(sql + ";")
		r := b.answer()
		took := r.at.Sub(begin)
		if r.state != "55P03" || !strings.Contains(r.text, "lock timeout") {
			t.Fatalf("%s: %+v", sql, r)
		}
		if took < timeout || took > timeout+slack {
			t.Errorf("%s: ended after %v, want %v", sql, took, timeout)
		}
		t.Logf("%s: %v after the time", sql, took-timeout)
	}
	b.query("ROLLBACK;")
	b.is("SELECT i FROM t;", "1")
	a.query("COMMIT;")
	b.is("UPDATE t SET i = 2 RETURNING i;", "2")
}

// TestDeadlock lets each of two sessions hold what the other wants. The server ends one of the waits, and
// the other session goes on.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, first, second string }{
		{"rows", "UPDATE t SET v = v + 1 WHERE id = 1", "UPDATE t SET v = v + 1 WHERE id = 2"},
		{"tables", "LOCK TABLE t", "LOCK TABLE u"},
		{"advisory", "SELECT pg_advisory_xact_lock(1)", "SELECT pg_advisory_xact_lock(2)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			watch := connect(t, server(t))
			a, b := pair(t)
			a.query("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 0), (2, 0); CREATE TABLE u ();")
			a.query("SET deadlock_timeout = '100ms'; BEGIN; " + c.first + ";")
			b.query("SET deadlock_timeout = '30s'; BEGIN; " + c.second + ";")
			b.send(c.first + ";")
			eventually(t, watch, "waiting for a", waitsFor, b.pid, a.pid)
			begin := time.Now()
			a.send(c.second + ";") // closes the circle, and looks for it first
			lost := a.answer()
			if lost.state != "40P01" {
				t.Fatalf("want 40P01: %+v", lost)
			}
			t.Log("found after", lost.at.Sub(begin))
			if took := lost.at.Sub(begin); took < 100*time.Millisecond || took > 100*time.Millisecond+slack {
				t.Errorf("ended after %v, want 100ms", took)
			}
			b.wants(success) // its wait ends with the other's transaction
			a.fails("SELECT 1;", "25P02")
			b.query("COMMIT;")
			a.query("ROLLBACK;")
			if c.name == "rows" {
				a.is("SELECT array_agg(v ORDER BY id) FROM t;", "{1,1}")
			}
		})
	}
}

// TestSerializable is write skew: each of two transactions reads what the other writes. One order of both
// must explain the result, so one of them fails, and succeeds when tried again.
func TestSerializable(t *testing.T) {
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		t.Run(level, func(t *testing.T) {
			a, b := pair(t)
			a.query("CREATE TABLE t (colour text); INSERT INTO t VALUES ('black'), ('white');")
			for _, p := range []*session{a, b} {
				p.query("BEGIN ISOLATION LEVEL " + level + "; SELECT count(*) FROM t;")
			}
			a.query("UPDATE t SET colour = 'black' WHERE colour = 'white';")
			b.query("UPDATE t SET colour = 'white' WHERE colour = 'black';")
			a.query("COMMIT;")
			if level == "REPEATABLE READ" { // which allows it: the table has changed sides
				b.query("COMMIT;")
				b.is("SELECT count(*) FROM t WHERE colour = 'black';", "1")
				return
			}
			b.fails("COMMIT;", "40001")
			b.is("SELECT count(*) FROM t WHERE colour = 'black';", "2")
			b.query("BEGIN ISOLATION LEVEL " + level + "; UPDATE t SET colour = 'white' WHERE colour = 'black'; COMMIT;")
			b.is("SELECT count(*) FROM t WHERE colour = 'white';", "2")
		})
	}
}
