package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/image"
)

// TestConnects has the arguments decide whether the project's database is preset.
func TestConnects(t *testing.T) {
	for _, tt := range []struct {
		args string
		want bool
	}{
		{"psql", true},
		{"psql|-c|SELECT 1", true},
		{"psql|-c|SELECT host = 'x' FROM t", true},
		{"psql|mydb", true},
		{"psql|--help", false},
		{"psql|-V", false},
		{"psql|-h|db.example.com", false},
		{"psql|-hdb", false},
		{"psql|-XAth|db", false},
		{"psql|-Xc|-h", true},
		{"psql|--host=db", false},
		{"psql|--hos|db", false},
		{"psql|postgresql://me@db/x", false},
		{"psql|postgresql:///x", true},
		{"psql|postgresql:///x?host=/tmp", false},
		{"psql|dbname=x", true},
		{"psql|dbname=x host=db", false},
		{"psql|-d|host=db", false},
		{"psql|--dbname|service=s", false},
		{"psql|--dbname=x", true},
		{"psql|--|postgres://db/", false},
		{"psql|-v|host=db", true},
		{"psql|postgres://a,b/x", false},
		{"psql|-U|bob", true},
		{"pg_dump|-t|orders|-f|x", true},
		{"pg_restore|-l|x.dump", false},
		{"pg_restore|-d|x|x.dump", true},
		{"pg_restore|-d|host=db|x.dump", false},
		{"pg_controldata|-D|pgdata", false},
		{"initdb|-D|x", false},
		{"createdb|-O|me|x", true},
		{"pgbench|-i|-h|db", false},
		{"pg_isready", true},
	} {
		args := strings.Split(tt.args, "|")
		if got := connects(args[0], args[1:]); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.args, got, tt.want)
		}
	}
	for name := range optionsOf {
		if !bytes.Contains([]byte(strings.Join(image.Programs, " ")+" "), []byte(name+" ")) {
			t.Errorf("there is no %s", name)
		}
	}
}

// TestPrograms runs programs as a person does: files, pipes, exit codes.
func TestPrograms(t *testing.T) {
	temp := t.TempDir()
	p := newProject(t, "TMPDIR="+temp)
	if r := p.run("pg"); r.code != 0 || !strings.Contains(r.out, "pg_basebackup") {
		t.Errorf("%+v", r)
	}
	if r := p.run("pg", "rm"); r.code != 1 || !strings.Contains(r.err, "no such program") {
		t.Errorf("%+v", r)
	}
	if r := p.run("pg_dump", "--version"); r.code != 0 || !strings.Contains(r.out, image.Version) {
		t.Errorf("without a database: %+v", r)
	}
	if r := p.run("pg_dump"); r.code != 1 || !strings.Contains(r.err, "nself start") {
		t.Errorf("without a database: %+v", r)
	}
	if r := p.run("psql", "-h", "127.0.0.1", "-p", "1", "-c", "SELECT 1"); r.code != 2 || !strings.Contains(r.err, "127.0.0.1") {
		t.Errorf("another server: %+v", r)
	}
	p.start()
	p.query("CREATE TABLE t AS SELECT generate_series(1, 100) AS i")
	p.ok("pg_dump", "-Fc", "-f", "t.dump")
	p.ok("createdb", "copy")
	p.ok("pg", "pg_restore", "-d", "copy", "t.dump")
	if got := strings.TrimSpace(p.ok("psql", "-XAtqc", "SELECT sum(i) FROM t", "copy")); got != "5050" {
		t.Error(got)
	}
	plain := p.ok("pg_dump")
	p.ok("createdb", "copy2")
	if r := p.runIn(plain, "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "copy2"); r.code != 0 {
		t.Errorf("%+v", r)
	}
	if r := p.run("dropdb", "nothing"); r.code != 1 {
		t.Errorf("%+v", r)
	}
	if r := p.run("pg_isready"); r.code != 0 {
		t.Errorf("%+v", r)
	}
	p.ok("initdb", "-N", "-A", "trust", "-D", "made")
	if out := p.ok("pg_controldata", "-D", "made"); !strings.Contains(out, "shut down") {
		t.Error(out)
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "nself-pgpass-*")); len(left) > 0 {
		t.Error("password files are left:", left)
	}
}

// TestBackupCommands goes through the life of a backup.
func TestBackupCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: backups of every kind take seconds of every processor")
	}
	t.Parallel()
	dir := t.TempDir()
	p := newProject(t, "BACKUP_DIR="+dir, "PROJECT_NAME=app", "NSELF_WAL_ARCHIVE=true")
	if out := p.ok("backup", "list"); !strings.Contains(out, "No backups") {
		t.Error(out)
	}
	if r := p.run("backup", "create"); r.code != 1 || !strings.Contains(r.err, "nself start") {
		t.Errorf("%+v", r)
	}
	p.start()
	p.query("CREATE TABLE t AS SELECT generate_series(1, 100) AS i")
	out := p.ok("backup", "create", "--tag", "first")
	if !strings.Contains(out, "app_full_") {
		t.Error(out)
	}
	var list []listed
	if err := json.Unmarshal([]byte(p.ok("backup", "list", "--json")), &list); err != nil || len(list) != 1 || list[0].Tag != "first" {
		t.Fatal(list, err)
	}
	if out := p.ok("backup", "verify", "latest"); !strings.Contains(out, "1 table, 100 rows; each is as it was") {
		t.Error(out)
	}
	p.query("INSERT INTO t VALUES (1000)")
	if r := p.run("backup", "restore", "latest"); r.code != 1 || !strings.Contains(r.err, "--yes") {
		t.Errorf("without a terminal: %+v", r)
	}
	p.ok("backup", "restore", "latest", "--database", "copy") // asks only where it replaces something
	p.ok("backup", "restore", list[0].ID, "--yes")
	if got := p.query("SELECT count(*) FROM t"); got != "100" {
		t.Error(got)
	}
	p.ok("backup", "restore", list[0].Path, "--data-dir", filepath.Join(p.dir, "other"), "--yes")

	p.ok("backup", "create", "--type", "base")
	p.query("INSERT INTO t VALUES (2000)")
	moment := p.query("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
	p.query("SELECT pg_sleep(0.01)")
	p.query("INSERT INTO t VALUES (3000)")
	p.ok("backup", "restore", "latest", "--yes", "--to-time", moment)
	if got := p.query("SELECT string_agg(i::text, ' ') FROM t WHERE i > 100"); got != "2000" {
		t.Error("after the restore:", got)
	}
	if kept, _ := filepath.Glob(filepath.Join(p.dir, defaultRuntime, "pgdata.before-*")); len(kept) != 1 {
		t.Error("the former data directory:", kept)
	}
	if out := p.ok("backup", "prune", "--older-than", "1d"); !strings.Contains(out, "archived log") && !strings.Contains(out, "Nothing") {
		t.Error(out)
	}
	p.testDamaged(list[0].ID, dir)
	for _, args := range [][]string{
		{"create", "--format", "zip"},
		{"create", "--type", "minio"},
		{"create", "--tag", "../x"},
		{"restore", "none"},
		{"verify", "none"},
		{"prune", "--older-than", "x"},
		{"list", "--format", "x"},
	} {
		if r := p.run(append([]string{"backup"}, args...)...); r.code != 1 || r.err == "" {
			t.Errorf("%v: %+v", args, r)
		}
	}
}

// testDamaged has one good dump, one good base backup, and cuts a newer dump.
func (p *projectDir) testDamaged(good, dir string) {
	p.t.Helper()
	p.ok("backup", "create", "--tag", "cut")
	var list []listed
	if err := json.Unmarshal([]byte(p.ok("backup", "list", "--json")), &list); err != nil || len(list) != 3 || list[2].Damaged != "" {
		p.t.Fatal(list, err)
	}
	cut := list[2]
	if err := os.Truncate(cut.Path, cut.Size-1); err != nil {
		p.t.Fatal(err)
	}
	if out := p.ok("backup", "list"); !strings.Contains(out, "damaged") {
		p.t.Error(out)
	}
	if err := json.Unmarshal([]byte(p.ok("backup", "list", "--json")), &list); err != nil || len(list) != 3 || list[2].Damaged == "" {
		p.t.Error(list, err)
	}
	for _, args := range [][]string{{"verify", "latest"}, {"restore", "--yes", "latest"}, {"verify", cut.ID}, {"restore", "--yes", cut.Path}} {
		if r := p.run(append([]string{"backup"}, args...)...); r.code != 1 || !strings.Contains(r.err, cut.ID) || !strings.Contains(r.err, "damaged") {
			p.t.Errorf("%v: %+v", args, r)
		}
	}
	// Neither rule removes the last good one of a kind, and the exit code tells of the damaged one.
	for _, rule := range [][]string{{"--keep", "1"}, {"--older-than", "0.000001s"}} {
		if r := p.run(append([]string{"backup", "prune"}, rule...)...); r.code != 1 || !strings.Contains(r.err, cut.ID) {
			p.t.Errorf("%v: %+v", rule, r)
		}
	}
	if entries, _ := filepath.Glob(filepath.Join(dir, "*.json")); len(entries) != 3 {
		p.t.Error("left:", entries)
	}
	p.ok("backup", "verify", good)
}
