package embeddedpg_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
)

// backupServer starts a server with something in every corner that a backup must not forget.
func backupServer(t *testing.T, config embeddedpg.Config) (*embeddedpg.Server, *pgx.Conn) {
	t.Helper()
	ctx := context.Background()
	s, err := embeddedpg.Start(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c := backupConn(t, s, "")
	_, err = c.Exec(ctx, `
		CREATE ROLE app LOGIN PASSWORD 'first'; CREATE ROLE "Group of ""all"""; GRANT "Group of ""all""" TO app WITH ADMIN TRUE; ALTER ROLE app SET work_mem = '9MB';
		CREATE TABLE t AS SELECT g AS id, md5(g::text) AS m, now() AS at, random() AS f FROM generate_series(1, 5000) g;
		ALTER TABLE t ADD PRIMARY KEY (id); ALTER TABLE t OWNER TO app;
		CREATE SCHEMA "a ""schema"""; CREATE TABLE "a ""schema"""."t.able" (t text, b bytea, j jsonb, r regclass);
		INSERT INTO "a ""schema"""."t.able" VALUES ('x''\', '\x00ff', '{"a": [1]}', 't'), (NULL, NULL, NULL, NULL), ('x', '', '1', NULL), ('x', '', '1', NULL);
		CREATE TABLE parts (k int, v text) PARTITION BY RANGE (k); CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0) TO (10); INSERT INTO parts VALUES (1, 'one');
		CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM t; CREATE UNLOGGED TABLE u AS SELECT 1 AS a; CREATE SEQUENCE s START 77;
		CREATE EXTENSION hstore; SELECT lo_from_bytea(0, repeat('large', 2000)::bytea); SELECT lo_put(lo_create(0), 9000, 'sparse');`)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func backupConn(t *testing.T, s *embeddedpg.Server, database string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(context.Background(), s.ConnString(database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func value(t *testing.T, c *pgx.Conn, sql string) string {
	t.Helper()
	var v string
	if err := c.QueryRow(context.Background(), sql).Scan(&v); err != nil {
		t.Fatalf("%v in %s", err, sql)
	}
	return v
}

func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, c := backupServer(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	dir := t.TempDir()
	formats := []embeddedpg.BackupFormat{embeddedpg.BackupCustom, embeddedpg.BackupPlain, embeddedpg.BackupDirectory, embeddedpg.BackupTar}
	if testing.Short() {
		formats = formats[:1]
	}
	if _, err := c.Exec(ctx, "ALTER DATABASE postgres SET work_mem = '7MB'; GRANT CREATE ON DATABASE postgres TO app; COMMENT ON DATABASE postgres IS 'it''s mine'"); err != nil {
		t.Fatal(err)
	}
	for i, f := range formats {
		stages := map[embeddedpg.BackupStage]bool{}
		b, err := s.Backup(ctx, embeddedpg.BackupOptions{Dir: dir, Name: "app", Format: f, Progress: func(p embeddedpg.BackupProgress) { stages[p.Stage] = true }})
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		if !stages[embeddedpg.BackupStageDump] || !stages[embeddedpg.BackupStageSum] || !stages[embeddedpg.BackupStageFlush] {
			t.Error(f, stages)
		}
		v, err := embeddedpg.VerifyBackup(ctx, b, embeddedpg.VerifyBackupOptions{})
		if err != nil || !v.Compared || v.Tables != 4 || v.Rows != 5000+4+1+1 {
			t.Errorf("%s: %v, %d tables, %d rows, %v", f, v.Compared, v.Tables, v.Rows, err)
		}
		if _, err := c.Exec(ctx, "UPDATE t SET m = 'changed'; ALTER ROLE app PASSWORD 'second'"); err != nil {
			t.Fatal(err)
		}
		// c stays connected: the restore ends it.
		r, err := s.Restore(ctx, b, embeddedpg.RestoreOptions{})
		if err != nil || !r.Replaced || r.Disconnected != 1 || r.Roles != nil || r.Kept != "" {
			t.Fatalf("%s: %+v, %v", f, r, err)
		}
		if err := c.Ping(ctx); err == nil {
			t.Error("the session lives on")
		}
		c = backupConn(t, s, "")
		for sql, want := range map[string]string{
			"SELECT count(*)::text FROM t WHERE m = md5(id::text)": "5000", "SELECT nextval('s')::text": fmt.Sprint(77 + i), "SHOW work_mem": "7MB",
			"SELECT has_database_privilege('app', current_database(), 'CREATE')::text":                                        "true",
			"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()":                "it's mine",
			"SELECT tableowner::text FROM pg_tables WHERE tablename = 't'":                                                    "app",
			"SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database":                                               "postgres template0 template1",
			"SELECT count(*)::text FROM pg_largeobject_metadata":                                                              "2",
			"SELECT convert_from(lo_get(oid, 9000, 6), 'UTF8') FROM pg_largeobject_metadata WHERE length(lo_get(oid)) = 9006": "sparse",
		} {
			if got := value(t, c, sql); got != want {
				t.Errorf("%s: %s: %s, want %s", f, sql, got, want)
			}
		}
	}
	testVerifyFails(t, dir)
	testFailedRestore(t, s, c, dir)
	testNewCluster(t, dir)
	testCancel(t, s, dir)
}

// testVerifyFails has the manifest tell of other contents than the dump's.
func testVerifyFails(t *testing.T, dir string) {
	ctx := context.Background()
	b, err := embeddedpg.FindBackup(ctx, dir, "app", "latest")
	if err != nil {
		t.Fatal(err)
	}
	description := strings.TrimSuffix(b.Path, filepath.Ext(b.Path)) + ".json"
	text, err := os.ReadFile(description)
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(text), `"sum": "`+b.Tables[1].Sum, `"sum": "1`+b.Tables[1].Sum, 1)
	try(t, os.WriteFile(description, []byte(other), 0o600))
	defer func() { try(t, os.WriteFile(description, text, 0o600)) }()
	if b, err = embeddedpg.FindBackup(ctx, dir, "app", "latest"); err != nil || other == string(text) {
		t.Fatal(err)
	}
	if _, err := embeddedpg.VerifyBackup(ctx, b, embeddedpg.VerifyBackupOptions{}); err == nil || !strings.Contains(err.Error(), "other contents") {
		t.Error(err)
	}
}

// testFailedRestore restores a dump that fails in its middle: the database stays, and nothing else does.
func testFailedRestore(t *testing.T, s *embeddedpg.Server, c *pgx.Conn, dir string) {
	ctx := context.Background()
	bad := filepath.Join(dir, "bad.sql")
	if err := os.WriteFile(bad, []byte("CREATE TABLE x (a int);\nCREATE TABLE x (a int);\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := embeddedpg.FindBackup(ctx, dir, "", bad)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Restore(ctx, b, embeddedpg.RestoreOptions{Incomplete: true})
	if err == nil || !strings.Contains(err.Error(), `relation "x" already exists`) {
		t.Error(err)
	}
	if got := value(t, c, "SELECT (SELECT count(*) FROM t) || ' ' || string_agg(datname, ' ' ORDER BY datname) FROM pg_database"); got != "5000 postgres template0 template1" {
		t.Error(got)
	}
}

// testNewCluster restores into a server that lacks the roles.
func testNewCluster(t *testing.T, dir string) {
	ctx := context.Background()
	b, err := embeddedpg.FindBackup(ctx, dir, "app", "latest")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	defer s.Close()
	r, err := s.Restore(ctx, b, embeddedpg.RestoreOptions{Database: "somewhere else"})
	if err != nil || r.Replaced || len(r.Roles) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	c := backupConn(t, s, "somewhere else")
	if got := value(t, c, `SELECT concat_ws(' ', rolpassword LIKE 'SCRAM-SHA-256%', pg_has_role('app', 'Group of "all"', 'MEMBER WITH ADMIN OPTION'),
		EXISTS (SELECT FROM pg_db_role_setting WHERE setconfig = '{work_mem=9MB}'), (SELECT count(*) FROM t)) FROM pg_authid WHERE rolname = 'app'`); got != "t t t 5000" {
		t.Error(got)
	}
}

// testCancel ends a backup and a restore in their midst.
func testCancel(t *testing.T, s *embeddedpg.Server, dir string) {
	before, err := embeddedpg.Backups(context.Background(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err = s.Backup(ctx, embeddedpg.BackupOptions{Dir: dir, Name: "app", Progress: func(embeddedpg.BackupProgress) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	after, _ := embeddedpg.Backups(context.Background(), dir, "")
	left, _ := filepath.Glob(filepath.Join(dir, ".partial*"))
	if len(after) != len(before) || left != nil {
		t.Error("left of a cancelled backup:", len(after)-len(before), left)
	}
	ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	_, err = s.Restore(ctx, &before[0], embeddedpg.RestoreOptions{Progress: func(p embeddedpg.BackupProgress) {
		if p.Stage == embeddedpg.BackupStageRestore {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := value(t, backupConn(t, s, ""), "SELECT (SELECT count(*) FROM t) || ' ' || string_agg(datname, ' ' ORDER BY datname) FROM pg_database"); got != "5000 postgres template0 template1" {
		t.Error(got)
	}
}

// rewound is a server with an archive that is taken back to its base backups, started without its password. Its table t has
// what insert was called with.
type rewound struct {
	config embeddedpg.Config
	s      *embeddedpg.Server
	c      *pgx.Conn
}

func (r *rewound) start(t *testing.T) {
	t.Helper()
	var err error
	if r.s, err = embeddedpg.Start(t.Context(), r.config); err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(r.s.ConnString(""), "postgres@", "postgres:"+url.PathEscape(templatePassword)+"@", 1)
	if r.c, err = pgx.Connect(t.Context(), url); err != nil {
		t.Fatal(err)
	}
}

func (r *rewound) insert(t *testing.T, v int) {
	t.Helper()
	if _, err := r.c.Exec(t.Context(), fmt.Sprintf("CREATE TABLE IF NOT EXISTS t (v int); INSERT INTO t VALUES (%d)", v)); err != nil {
		t.Fatal(err)
	}
}

// restore replaces the server's data, starts it again, and wants rows in it.
func (r *rewound) restore(t *testing.T, b *embeddedpg.Backup, o embeddedpg.RestoreBaseOptions, want string) {
	t.Helper()
	r.c.Close(t.Context())
	if err := r.s.Close(); err != nil {
		t.Fatal(err)
	}
	o.DataDir, o.ArchiveDir = r.config.DataDir, r.config.ArchiveDir
	if restored, err := embeddedpg.RestoreBase(t.Context(), b, o); err != nil || restored.Kept == "" {
		t.Fatal(restored, err)
	}
	r.start(t)
	if got := value(t, r.c, "SELECT string_agg(v::text, ' ' ORDER BY v) FROM t"); got != want {
		t.Errorf("%+v: %s, want %s", o, got, want)
	}
	if got := value(t, r.c, "SELECT pg_is_in_recovery()::text"); got != "false" {
		t.Error("still in recovery")
	}
}

// TestRestoreBase goes back to a moment between two transactions, with a server that was started without its password.
func TestRestoreBase(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: restoring base backups takes seconds of every processor")
	}
	t.Parallel()
	ctx := t.Context()
	top := t.TempDir()
	r := &rewound{config: embeddedpg.Config{DataDir: newCluster(t), ArchiveDir: filepath.Join(top, "archive")}}
	backups := filepath.Join(top, "backups")
	r.start(t)
	defer func() { r.s.Close() }()
	r.insert(t, 1)
	b, err := r.s.BaseBackup(ctx, embeddedpg.BackupOptions{Dir: backups})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := r.s.BaseBackup(ctx, embeddedpg.BackupOptions{Dir: backups, Format: embeddedpg.BackupBasePlain, Tag: "plain"})
	if err != nil {
		t.Fatal(err)
	}
	r.insert(t, 2)
	var moment time.Time
	if err := r.c.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&moment); err != nil {
		t.Fatal(err)
	}
	time.Sleep(10 * time.Millisecond)
	r.insert(t, 3)
	// The server runs: its data directory is not touched.
	if _, err := embeddedpg.RestoreBase(ctx, b, embeddedpg.RestoreBaseOptions{DataDir: r.config.DataDir}); err == nil {
		t.Error("restored under a running server")
	}
	r.restore(t, b, embeddedpg.RestoreBaseOptions{Time: moment}, "1 2")
	r.insert(t, 4) // on a new timeline
	r.restore(t, plain, embeddedpg.RestoreBaseOptions{ToEnd: true}, "1 2 4")
	r.restore(t, b, embeddedpg.RestoreBaseOptions{ToEnd: true, Timeline: "1"}, "1 2 3")
	r.restore(t, b, embeddedpg.RestoreBaseOptions{}, "1")
	for _, b := range []*embeddedpg.Backup{b, plain} {
		if v, err := embeddedpg.VerifyBackup(ctx, b, embeddedpg.VerifyBackupOptions{}); err != nil || v.Tables != 1 {
			t.Error(v, err)
		}
	}
	beside := filepath.Dir(r.config.DataDir)
	for _, o := range []embeddedpg.RestoreBaseOptions{{Time: time.Now().Add(time.Hour)}, {Time: b.Created.Add(-time.Hour)}} {
		o.DataDir = filepath.Join(beside, "new")
		if _, err := embeddedpg.RestoreBase(ctx, b, o); err == nil {
			t.Error("restored:", o)
		}
		if _, err := os.Stat(o.DataDir); err == nil {
			t.Error("a failed restore left", o.DataDir)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(beside, ".nself-recover*")); left != nil {
		t.Error("left:", left)
	}
}

// TestBackupProgress: a dump and a restore tell bytes while one table is under way, and then the indexes by name.
func TestBackupProgress(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a table that takes a while takes seconds of every processor")
	}
	t.Parallel()
	ctx := context.Background()
	s, c := backupServer(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	for _, sql := range []string{
		"CREATE DATABASE big", "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 4) AS text FROM generate_series(1, 400000) i",
		"ALTER TABLE big ADD PRIMARY KEY (i)", "CREATE INDEX big_text ON big (text)", "ANALYZE big",
	} {
		if _, err := c.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	var events []embeddedpg.BackupProgress
	note := func(p embeddedpg.BackupProgress) { events = append(events, p) }
	// parts are the different figures of a stage strictly between none and all.
	parts := func(stage embeddedpg.BackupStage, least int64) int {
		seen, last := map[int64]bool{}, int64(-1)
		for _, e := range events {
			if e.Stage != stage {
				continue
			}
			if e.Total < least || e.Done > e.Total || e.Done < last {
				t.Errorf("%s: %+v after %d", stage, e, last)
			}
			last = e.Done
			if e.Done > 0 && e.Done < e.Total {
				seen[e.Done] = true
			}
		}
		return len(seen)
	}
	const heap = 50 << 20
	b, err := s.Backup(ctx, embeddedpg.BackupOptions{Dir: t.TempDir(), NoSums: true, Progress: note})
	if err != nil {
		t.Fatal(err)
	}
	if n := parts(embeddedpg.BackupStageDump, heap); n < 2 {
		t.Errorf("the dump told %d times how far it is: %+v", n, events)
	}
	events = nil
	if _, err := s.Restore(ctx, b, embeddedpg.RestoreOptions{Database: "big", Progress: note}); err != nil {
		t.Fatal(err)
	}
	if n := parts(embeddedpg.BackupStageRestore, b.Size); n < 2 {
		t.Errorf("the restore told %d times how far it is: %+v", n, events)
	}
	index := slices.IndexFunc(events, func(e embeddedpg.BackupProgress) bool {
		return e.Stage == embeddedpg.BackupStageIndex && strings.Contains(e.Item, "big_text")
	})
	if index < 0 || events[index].Total < 2 {
		t.Error("the index is not named:", events[max(index, 0)])
	}
}
