package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nself.org/embeddedpg/cmd/nself/internal/ledger"
)

func (p *projectDir) migrations() (states string) {
	p.t.Helper()
	var steps []ledger.Step
	if err := json.Unmarshal([]byte(p.ok("db", "migrate", "status", "--json")), &steps); err != nil {
		p.t.Fatal(err)
	}
	for _, s := range steps {
		states += s.Version + " " + string(s.State) + "\n"
	}
	return states
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	p.write("migrations/1_first.sql", "CREATE TABLE a (id int PRIMARY KEY);\nSET search_path = nowhere;\n")
	p.write("migrations/002_second.up.sql", "CREATE TABLE b (id int REFERENCES a);\nINSERT INTO a VALUES (1);\n")
	p.write("migrations/002_second.down.sql", "DROP TABLE b;\nDELETE FROM a;\n")
	p.write("migrations/10_last/up.sql", "CREATE INDEX CONCURRENTLY i ON b (id);\n")
	p.write("migrations/10_last/down.sql", "DROP INDEX i;\n")
	p.write("migrations/README.md", "not SQL\n")

	if out := p.ok("db", "migrate", "--dry-run"); out != "would run migrations/1_first.sql\nwould run migrations/002_second.up.sql\nwould run migrations/10_last/up.sql\n" {
		t.Error(out)
	}
	if got := p.migrations(); got != "1 pending\n002 pending\n10 pending\n" {
		t.Error(got)
	}
	out := p.ok("db", "migrate")
	if strings.Count(out, "applied ") != 3 || !strings.Contains(out, "10_last/up.sql") || !strings.Contains(out, "without a transaction: CONCURRENTLY") {
		t.Error(out)
	}
	if out := p.ok("db", "migrate"); out != "Nothing to do: no migration in migrations is pending.\n" {
		t.Error(out)
	}
	p.ok("db", "migrate", "down", "--steps", "2")
	if got := p.query("SELECT count(*) FROM a") + p.migrations(); got != "01 applied\n002 pending\n10 pending\n" {
		t.Error(got)
	}
	p.ok("db", "migrate", "up", "--steps", "1")

	// All of a file or nothing, and where the error is.
	p.write("migrations/11_bad.sql", "CREATE TABLE c (id int);\n-- ü\nCREATE TABLE d (\n\tid nosuch);\n")
	p.ok("db", "migrate", "up", "--steps", "1")
	if r := p.run("db", "migrate"); r.code != 1 || !strings.Contains(r.err, "migrations/11_bad.sql:4: ") || !strings.Contains(r.err, "SQLSTATE 42704") {
		t.Errorf("%+v", r)
	}
	if got := p.query("SELECT to_regclass('c') IS NULL"); got != "t" {
		t.Error("half of a migration is there")
	}
	os.Remove(filepath.Join(p.dir, "migrations/11_bad.sql"))

	p.write("migrations/1_first.sql", "CREATE TABLE a (id bigint PRIMARY KEY);\n")
	if r := p.run("db", "migrate"); r.code != 1 || !strings.Contains(r.err, "migrations/1_first.sql: it was changed") || !strings.Contains(r.err, "new migration") {
		t.Errorf("%+v", r)
	}
	if r := p.run("db", "migrate", "down", "--steps", "3"); r.code != 1 || !strings.Contains(r.err, "undo migration 1 first: there is no file that undoes it") {
		t.Errorf("%+v", r)
	}
	p.write("migrations/1_other.sql", "SELECT 1")
	if r := p.run("db", "migrate"); r.code != 1 || !strings.Contains(r.err, "have the same number") {
		t.Errorf("%+v", r)
	}
}

// dumped is a project of TestDump: its database app has a table t of 200 rows, of which app.dump and app.sql are dumps.
type dumped struct{ *projectDir }

const dumpedSum = "200 10100"

// sum tells what is in the table.
func (p dumped) sum() string { return p.query("SELECT count(*) || ' ' || sum(id) FROM t") }

// settle gives the database settings of its own.
func (p dumped) settle() {
	p.query("ALTER DATABASE app SET search_path = public, app")
	p.query("COMMENT ON DATABASE app IS 'ours'")
}

// settings tells them.
func (p dumped) settings() string {
	return p.query("SELECT current_setting('search_path') || ' ' || shobj_description(oid, 'pg_database') || ' ' || datconnlimit FROM pg_database WHERE datname = 'app'")
}

// TestDump moves data by files, and empties the database.
func TestDump(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a dozen dumps and restores take seconds of every processor")
	}
	t.Parallel()
	p := dumped{newProject(t, "POSTGRES_DB=app")}
	p.start()
	p.write("migrations/1_t.sql", "CREATE TABLE t (id int, b text);\n")
	p.write("seeds/one.sql", "INSERT INTO t SELECT g, 'ü' || g FROM generate_series(1, 100) g;\n")
	p.ok("db", "migrate")
	p.ok("db", "seed")
	p.ok("db", "seed")
	p.ok("db", "seed", "seeds/one.sql")
	if got := p.sum(); got != dumpedSum {
		t.Error(got)
	}
	p.ok("db", "seed", "verify")
	p.ok("db", "dump", "app.dump")
	p.ok("db", "dump", "app.sql")
	if st := must(os.Stat(filepath.Join(p.dir, "app.dump"))); st.Mode().Perm() != 0o600 {
		t.Error(st.Mode())
	}
	if out := p.ok("db", "dump", "-", "--format", "sql", "--", "--schema-only"); !strings.Contains(out, "CREATE TABLE public.t") || strings.Contains(out, "COPY public.t") {
		t.Error(out)
	}
	p.settle()
	before := p.settings()
	p.restoreRefused(t)
	p.restoreEmpty(t)
	p.restoreAll(t)
	if got := p.settings(); got != before || !strings.HasPrefix(got, "public, app ours") {
		t.Errorf("the database's own settings are %q, and were %q", got, before)
	}
	var list []listedDatabase
	if err := json.Unmarshal([]byte(p.ok("db", "list", "--json")), &list); err != nil || len(list) != 2 || list[0].Name != "app" || list[0].Size < 1<<20 {
		t.Error(list, err)
	}
	p.moveToOther(t)
	p.ok("reset", "--yes")
	if _, err := os.Stat(filepath.Join(p.dir, defaultRuntime, "pgdata")); err == nil {
		t.Error("reset left the data directory")
	}
}

// restoreRefused has restores that fail. They leave everything as it was.
func (p dumped) restoreRefused(t *testing.T) {
	// Both commands ask the same.
	for _, command := range []string{"db", "backup"} {
		p.run(command, "restore", "app.dump").says(t, 1, command+" restore: ", "app.dump", "no terminal", "\n  ", "--yes")
	}
	p.write("bad.sql", "CREATE TABLE x ();\nSELECT 1/0;\n")
	p.write("create.sql", "DROP DATABASE app WITH (FORCE);\nCREATE DATABASE app;\n\\connect app\n")
	p.write("role.sql", "CREATE TABLE x ();\nALTER TABLE x OWNER TO nobody;\n")
	for file, want := range map[string]string{"create.sql": "\\connect app", "role.sql": "-- --no-owner --no-privileges"} {
		if r := p.run("db", "restore", "--yes", "--incomplete", file); r.code != 1 || !strings.Contains(r.err, want) {
			t.Errorf("%+v", r)
		}
	}
	if r := p.run("db", "restore", "--overwrite", "--yes", "--incomplete", "bad.sql"); r.code != 1 || !strings.Contains(r.err, "division by zero") || !strings.Contains(r.err, "the database is as it was") {
		t.Errorf("%+v", r)
	}
	// A file that may be a part of one is not taken without a flag.
	p.write("empty.sql", "")
	whole := must(os.ReadFile(filepath.Join(p.dir, "app.sql")))
	p.write("cut.sql", string(whole[:len(whole)/2]))
	for _, file := range []string{"empty.sql", "cut.sql", "bad.sql"} {
		if r := p.run("db", "restore", "--yes", file); r.code != 1 || !strings.Contains(r.err, "--incomplete") {
			t.Errorf("%+v", r)
		}
	}
	if got := p.sum(); got != dumpedSum {
		t.Error(got)
	}
}

// restoreEmpty restores a dump that holds nothing, which leaves the old database under another name, and a good one.
func (p dumped) restoreEmpty(t *testing.T) {
	if out := p.ok("db", "restore", "--yes", "--incomplete", "empty.sql"); !strings.Contains(out, "app_before_") || !strings.Contains(out, "202 rows") {
		t.Error(out)
	}
	if out := p.ok("db", "restore", "--yes", "app.sql"); !strings.Contains(out, "3 tables, 202 rows") {
		t.Error(out)
	}
	p.settle()
	p.query("DROP DATABASE " + p.query("SELECT datname FROM pg_database WHERE datname LIKE 'app_before_%'"))
	if got := p.sum(); got != dumpedSum {
		t.Error(got)
	}
}

// restoreAll empties the database under a client that is connected, and restores it by each way.
func (p dumped) restoreAll(t *testing.T) {
	client := p.command("psql", "-Xqc", "SELECT pg_sleep(60)")
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	p.ok("db", "reset", "--yes")
	client.Process.Kill()
	client.Wait()
	if got := p.query("SELECT count(*) FROM t"); got != "0" {
		t.Error(got)
	}
	for _, args := range [][]string{{"db", "restore", "--overwrite", "app.dump"}, {"db", "restore", "--yes", "app.sql", "--", "--variable=x=1"}, {"backup", "restore", "--yes", "app.dump", "--", "--no-owner"}} {
		p.ok(args...)
		if got := p.sum(); got != dumpedSum {
			t.Error(args, got)
		}
	}
}

// moveToOther moves the data to another server, and back from there.
func (p dumped) moveToOther(t *testing.T) {
	other := newProject(t, "POSTGRES_DB=app")
	other.start()
	state := other.state()
	url := "postgresql://postgres@/app?host=" + state.SocketDir
	password := strings.TrimSpace(string(must(os.ReadFile(filepath.Join(other.dir, defaultRuntime, "password")))))
	p.env = append(p.env, "PGPASSWORD="+password)
	p.ok("db", "import", "--to", url)
	if got := other.query("SELECT count(*) FROM t"); got != "200" {
		t.Error(got)
	}
	other.query("DELETE FROM t WHERE id > 50")
	p.ok("db", "import", "--from", url, "--overwrite")
	if got := p.sum(); got != "100 2550" {
		t.Error(got)
	}
}
