package sessions

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// pair opens two sessions with a schema of the test's own.
func pair(t *testing.T) (a, b *session) {
	t.Helper()
	s := server(t)
	o := options{schema: newSchema(t, connect(t, s))}
	a, b = open(t, s, "a", o), open(t, s, "b", o)
	if a.pid == b.pid {
		t.Fatal("both sessions have one backend")
	}
	return a, b
}

func TestTransactions(t *testing.T) {
	a, b := pair(t)
	a.query("CREATE TABLE t (i int);")
	a.query("BEGIN; INSERT INTO t VALUES (1);")
	b.query("BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO t VALUES (2);")
	a.is("SELECT array_agg(i ORDER BY i) FROM t;", "{1}")
	b.is("SELECT array_agg(i ORDER BY i) FROM t;", "{2}")
	a.query("COMMIT;")
	a.is("SELECT array_agg(i ORDER BY i) FROM t;", "{1}")
	b.is("SELECT array_agg(i ORDER BY i) FROM t;", "{2}") // its snapshot is older
	b.query("ROLLBACK;")
	b.is("SELECT array_agg(i ORDER BY i) FROM t;", "{1}")
	if x, y := a.query("SELECT pg_current_xact_id();"), b.query("SELECT pg_current_xact_id();"); x == y {
		t.Error("two transactions have the number", x)
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct{ setting, first, second string }{
		{"work_mem", "3MB", "5MB"},
		{"timezone", "Asia/Kolkata", "America/Lima"},
		{"my.own", "eins", "zwei"},
	} {
		t.Run(c.setting, func(t *testing.T) {
			a, b := pair(t)
			show := "SELECT current_setting('" + c.setting + "', true);"
			before := b.query(show)
			a.query("SET " + c.setting + " = '" + c.first + "';")
			b.is(show, before)
			b.query("SET " + c.setting + " = '" + c.second + "';")
			a.is(show, c.first)
			b.is(show, c.second)
			b.query("BEGIN; SET LOCAL " + c.setting + " = '" + c.first + "';")
			b.is(show, c.first)
			b.query("ROLLBACK;")
			b.is(show, c.second)
		})
	}
	t.Run("ROLE", func(t *testing.T) {
		a, b := pair(t)
		a.query("SET ROLE pg_monitor;")
		a.is("SELECT current_user;", "pg_monitor")
		b.is("SELECT current_user;", "postgres")
		a.fails("SELECT FROM pg_authid;", "42501")
		b.query("SELECT FROM pg_authid;")
	})
}

func TestTemporaryTables(t *testing.T) {
	a, b := pair(t)
	a.query("CREATE TEMP TABLE t AS SELECT 'a' AS v;")
	b.fails("SELECT v FROM t;", "42P01")
	b.query("CREATE TEMP TABLE t AS SELECT 1.5 AS v;")
	a.is("SELECT v, pg_typeof(v) FROM t;", "a|text")
	b.is("SELECT v, pg_typeof(v) FROM t;", "1.5|numeric")
	b.is("SELECT count(*) FROM pg_class WHERE relname = 't' AND relpersistence = 't';", "2")
	b.fails("SELECT * FROM pg_temp_999.t;", "42P01")

	// The one session's end takes its table along, and not the other's.
	a.send(`\q`)
	a.ends(0, "")
	eventually(t, connect(t, server(t)), "the table's end", "SELECT count(*) = 1 FROM pg_class WHERE relname = 't' AND relpersistence = 't'")
	b.is("SELECT v FROM t;", "1.5")
	b.query("CREATE TEMP TABLE u (i int) ON COMMIT DELETE ROWS; BEGIN; INSERT INTO u VALUES (1); COMMIT;")
	b.is("SELECT count(*) FROM u;", "0")
}

func TestPreparedStatements(t *testing.T) {
	t.Run("SQL", func(t *testing.T) {
		a, b := pair(t)
		a.query(`PREPARE "0" (int) AS SELECT $1 + 1;`)
		b.fails(`EXECUTE "0"(1);`, "26000")
		b.query(`PREPARE "0" (text) AS SELECT upper($1) || '!';`)
		for range 10 { // past the five executions after which a generic plan is thought of
			a.is(`EXECUTE "0"(41);`, "42")
			b.is(`EXECUTE "0"('so');`, "SO!")
		}
		a.query(`DEALLOCATE "0";`)
		a.fails(`EXECUTE "0"(41);`, "26000")
		b.is(`EXECUTE "0"('so');`, "SO!")
	})
	t.Run("protocol", func(t *testing.T) {
		s := server(t)
		ctx := testContext(t)
		type statement struct {
			conn            *pgconn.PgConn
			sql, arg, wants string
		}
		statements := []statement{
			{connect(t, s).PgConn(), "SELECT $1::int + 1", "41", "42"},
			{connect(t, s).PgConn(), "SELECT upper($1::text) || '!'", "so", "SO!"},
		}
		for _, p := range statements {
			if _, err := p.conn.Prepare(ctx, "stmtcache_1", p.sql, nil); err != nil {
				t.Fatal(err)
			}
		}
		for range 10 {
			for _, p := range statements {
				r := p.conn.ExecPrepared(ctx, "stmtcache_1", [][]byte{[]byte(p.arg)}, nil, nil).Read()
				if r.Err != nil || len(r.Rows) != 1 || string(r.Rows[0][0]) != p.wants {
					t.Fatalf("%s: %q, %v, want %s", p.sql, r.Rows, r.Err, p.wants)
				}
			}
		}
	})
}

func TestSavepoints(t *testing.T) {
	a, b := pair(t)
	a.query("CREATE TABLE t (i int PRIMARY KEY);")
	a.query("BEGIN; INSERT INTO t VALUES (1); SAVEPOINT one; INSERT INTO t VALUES (2); SAVEPOINT two;")
	a.fails("INSERT INTO t VALUES (1);", "23505")
	a.fails("SELECT 1;", "25P02")
	a.query("ROLLBACK TO two; INSERT INTO t VALUES (3);")
	a.is("SELECT array_agg(i ORDER BY i) FROM t;", "{1,2,3}")
	a.query("RELEASE two; ROLLBACK TO one; INSERT INTO t VALUES (4);")
	a.fails("ROLLBACK TO two;", "3B001")
	a.query("ROLLBACK TO one; INSERT INTO t VALUES (5);")
	b.is("SELECT count(*) FROM t;", "0")
	a.query("COMMIT;")
	b.is("SELECT array_agg(i ORDER BY i) FROM t;", "{1,5}")

	// A row that a rolled back subtransaction locked is free, one locked before it is not.
	a.query("BEGIN; SELECT FROM t WHERE i = 1 FOR UPDATE; SAVEPOINT s; SELECT FROM t WHERE i = 5 FOR UPDATE;")
	b.fails("SELECT FROM t WHERE i = 5 FOR UPDATE NOWAIT;", "55P03")
	a.query("ROLLBACK TO s;")
	b.is("SELECT i FROM t WHERE i = 5 FOR UPDATE NOWAIT;", "5")
	b.fails("SELECT FROM t WHERE i = 1 FOR UPDATE NOWAIT;", "55P03")
}

// TestExceptions catches errors in PL/pgSQL, each by longjmp through other frames.
func TestExceptions(t *testing.T) {
	a, b := pair(t)
	a.query(`CREATE TABLE t (i int PRIMARY KEY CHECK (i < 100)); INSERT INTO t VALUES (1);`)
	a.query(`CREATE FUNCTION attempt(sql text) RETURNS text LANGUAGE plpgsql AS $$
		DECLARE message text; BEGIN
			INSERT INTO t VALUES (50);
			EXECUTE sql;
			RETURN 'none';
		EXCEPTION
			WHEN unique_violation OR check_violation THEN RETURN 'constraint ' || SQLSTATE;
			WHEN OTHERS THEN GET STACKED DIAGNOSTICS message = MESSAGE_TEXT; RETURN SQLSTATE || ' ' || message;
		END $$;`)
	a.query(`CREATE FUNCTION deep(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
			IF n = 0 THEN RAISE EXCEPTION 'bottom' USING ERRCODE = 'ZZ001'; END IF;
			RETURN deep(n - 1);
		EXCEPTION WHEN division_by_zero THEN RETURN -1; END $$;`)
	b.query("CREATE TABLE held (); BEGIN; LOCK TABLE held IN ACCESS SHARE MODE;")
	for _, c := range []struct{ name, sql, want string }{
		{"duplicate key", "INSERT INTO t VALUES (1)", "constraint 23505"},
		{"check", "INSERT INTO t VALUES (100)", "constraint 23514"},
		{"division", "SELECT 1 / 0", "22012 division by zero"},
		{"syntax", "SELEC", `42601 syntax error at or near "SELEC"`},
		{"input", "SELECT 'x'::int", `22P02 invalid input syntax for type integer: "x"`},
		{"planner", "SELECT * FROM t t1 FULL JOIN t t2 ON t1.i < t2.i", "0A000 FULL JOIN is only supported with merge-joinable or hash-joinable join conditions"},
		{"regex", "SELECT 'a' ~ '('", "2201B invalid regular expression: parentheses () not balanced"},
		{"raised", "SELECT deep(0)", "ZZ001 bottom"},
		{"through 50 blocks", "SELECT deep(50)", "ZZ001 bottom"},
		{"stack depth", "SELECT deep(1000000)", "54001 stack depth limit exceeded"},
		{"timeout of a lock", "SET LOCAL lock_timeout = 50; LOCK TABLE held IN ACCESS EXCLUSIVE MODE", "55P03 canceling statement due to lock timeout"},
	} {
		if got := a.query("SELECT attempt($$" + c.sql + "$$);"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	b.query("COMMIT;")
	a.is("SELECT array_agg(i) FROM t;", "{1}") // all else was rolled back with its block
}
