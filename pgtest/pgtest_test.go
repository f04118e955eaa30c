package pgtest_test

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

// hundredTables makes 100 tables with two indexes each, and a function to tell that it ran: 900 files.
func hundredTables(ctx context.Context, db *pgtest.DB) error {
	var sql strings.Builder
	for i := range 100 {
		fmt.Fprintf(&sql, `CREATE TABLE t%d (
			id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
			name text NOT NULL UNIQUE,
			made timestamptz NOT NULL DEFAULT now(),
			parent bigint REFERENCES t%[1]d);`, i)
	}
	return db.Exec(ctx, sql.String())
}

var large = pgtest.Migrate("100 tables", hundredTables)

//go:embed testdata/*.sql
var testdata embed.FS

// sub is a directory of testdata.
func sub(t testing.TB) fs.FS {
	t.Helper()
	files, err := fs.Sub(testdata, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func one[T any](t testing.TB, c *pgx.Conn, sql string, args ...any) (v T) {
	t.Helper()
	if err := c.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func run(t testing.TB, db *pgtest.DB, sql string) {
	t.Helper()
	if err := db.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// TestParallel is 50 parallel tests, each with a database of 100 tables to itself.
func TestParallel(t *testing.T) {
	for i := range 50 {
		t.Run(fmt.Sprint("Test ", i), func(t *testing.T) {
			t.Parallel()
			c := pgxtest.New(t, large).Conn(t)
			for _, table := range []string{"t0", "t99"} {
				if n := one[int](t, c, "SELECT count(*)::int FROM "+table); n != 0 {
					t.Error("rows of another test:", n)
				}
				if _, err := c.Exec(t.Context(), "INSERT INTO "+table+" (name) VALUES ($1)", t.Name()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestSameAsCreateDatabase compares a database of ours with what CREATE DATABASE makes of the same template.
func TestSameAsCreateDatabase(t *testing.T) {
	migrate := pgtest.SQL(`
		CREATE EXTENSION amcheck;
		CREATE ROLE same_owner;
		CREATE TABLE owned (a int PRIMARY KEY, b text);
		ALTER TABLE owned OWNER TO same_owner;
		INSERT INTO owned SELECT i, repeat('x', i) FROM generate_series(1, 3000) i;
		CREATE UNLOGGED TABLE unlogged AS SELECT generate_series(1, 1000) AS a;
		CREATE TABLE toasted AS SELECT string_agg(md5(i::text), '') AS a FROM generate_series(1, 10000) i;
		DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''7MB''', current_database()); END $$`)
	ours := pgxtest.New(t, migrate)
	theirs := pgxtest.New(t, migrate, pgtest.Settings(map[string]string{"autovacuum": "on"})) // cloned by CREATE DATABASE
	a, b := ours.Conn(t), theirs.Conn(t)
	for _, sql := range []string{
		"SELECT md5(string_agg(o::text, '' ORDER BY a)) FROM owned o",
		"SELECT count(*)::text FROM unlogged",
		"SELECT md5(a) FROM toasted",
		"SELECT current_setting('work_mem')",
		"SELECT string_agg(deptype::text || refobjid::regrole::text, ',' ORDER BY classid, objid) FROM pg_shdepend WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
		"SELECT (to_jsonb(d) - 'oid' - 'datname' - 'datfrozenxid')::text FROM pg_database d WHERE datname = current_database()",
		"SELECT count(bt_index_check(c.oid, true))::text FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'btree' AND c.relkind = 'i'",
		"SELECT count(*)::text FROM pg_class c, LATERAL verify_heapam(c.oid) WHERE c.relkind IN ('r', 't') AND c.relpersistence = 'p'",
	} {
		if x, y := one[string](t, a, sql), one[string](t, b, sql); x != y {
			t.Errorf("%s: %s, by CREATE DATABASE %s", sql, x, y)
		}
	}
	// The role cannot be dropped while its table is there, and the database can, by SQL.
	if err := ours.Exec(t.Context(), "DROP ROLE same_owner"); err == nil || !strings.Contains(err.Error(), "2BP01") {
		t.Error("DROP ROLE:", err)
	}
	other := pgxtest.New(t, migrate)
	run(t, ours.DB, "DROP DATABASE "+other.Name())
	run(t, ours.DB, "CREATE DATABASE made_by_sql TEMPLATE template0")
	run(t, ours.DB, "VACUUM ANALYZE")
}

func TestMigrations(t *testing.T) {
	var ran atomic.Int32
	counted := pgtest.Migrate("count", func(ctx context.Context, db *pgtest.DB) error {
		ran.Add(1)
		c, err := pgx.Connect(ctx, db.ConnString())
		if err != nil {
			return err
		}
		defer c.Close(ctx)
		_, err = c.Exec(ctx, "INSERT INTO fruit VALUES ('fig')")
		return err
	})
	for range 3 {
		db := pgxtest.New(t, pgtest.MigrateFS(sub(t)), counted)
		if got := one[string](t, db.Conn(t), "SELECT string_agg(name, ',' ORDER BY name) FROM fruit"); got != "apple,fig" {
			t.Error(got)
		}
	}
	if n := ran.Load(); n != 1 {
		t.Errorf("the migration ran %d times", n)
	}
	// Other contents, another template.
	for _, name := range []string{"plum", "pear"} {
		files := fstest.MapFS{"1.up.sql": {Data: []byte("CREATE TABLE fruit AS SELECT '" + name + "' AS name")}, "1.down.sql": {Data: []byte("syntax error")}}
		db := pgxtest.New(t, pgtest.MigrateFS(files, "*.up.sql"))
		if got := one[string](t, db.Conn(t), "SELECT name FROM fruit"); got != name {
			t.Error(got)
		}
	}
}

func TestReset(t *testing.T) {
	db := pgxtest.New(t, pgtest.SQL("CREATE TABLE a AS SELECT 1 AS n"))
	before := db.Conn(t)
	run(t, db.DB, "DROP TABLE a; CREATE TABLE b ()")
	db.Reset(t)
	if err := before.Ping(t.Context()); err == nil {
		t.Error("a connection survives Reset")
	}
	c := db.Conn(t)
	if n := one[int](t, c, "SELECT n FROM a"); n != 1 {
		t.Error(n)
	}
	if _, err := c.Exec(t.Context(), "UPDATE a SET n = 2"); err != nil {
		t.Fatal(err)
	}
	c.Close(t.Context())
	db.Save(t)
	for range 3 {
		run(t, db.DB, "TRUNCATE a")
		db.Reset(t)
		c := db.Conn(t)
		if n := one[int](t, c, "SELECT n FROM a"); n != 2 {
			t.Error(n)
		}
	}
}

func TestHandles(t *testing.T) {
	db := pgxtest.New(t)
	var n int
	if err := db.Pool(t).QueryRow(t.Context(), "SELECT 1").Scan(&n); err != nil {
		t.Error(err)
	}
	if err := db.SQLDB(t).QueryRow("SELECT 1").Scan(&n); err != nil {
		t.Error(err)
	}
	c, err := pgx.Connect(t.Context(), db.ConnString()) // over the socket, with the password
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if got := one[string](t, c, "SELECT current_database()"); got != db.Name() {
		t.Error(got)
	}
}

// BenchmarkNew makes databases of 100 tables, one after the other:
//
//	go test ./pgtest -run '^$' -bench 'New$' -benchtime 100x
func BenchmarkNew(b *testing.B) {
	pgtest.New(b, large)
	for b.Loop() {
		pgtest.New(b, large)
	}
}

// BenchmarkNewParallel makes 50 at once, as 50 parallel tests do.
func BenchmarkNewParallel(b *testing.B) {
	pgtest.New(b, large)
	b.SetParallelism((50 + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			pgtest.New(b, large)
		}
	})
}

// BenchmarkServer starts servers as a test binary's first New does, the database included; ms/start leaves out the end of the one before:
//
//	go test ./pgtest -run '^$' -bench Server -benchtime 20x
func BenchmarkServer(b *testing.B) {
	pgtest.New(b) // everything is cached
	var spent time.Duration
	for b.Loop() {
		if err := pgtest.Close(); err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		pgtest.New(b)
		spent += time.Since(begin)
	}
	b.ReportMetric(spent.Seconds()*1000/float64(b.N), "ms/start")
}
