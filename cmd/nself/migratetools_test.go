package main

import (
	"os"
	"strings"
	"testing"
)

// TestMigrateTools applies and undoes files of each tool: only the wanted half runs.
func TestMigrateTools(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	for tool, text := range map[string]string{
		"goose":       "-- +goose Up\nCREATE TABLE goose ();\n-- +goose Down\nDROP TABLE goose;\n",
		"sql-migrate": "-- +migrate Up\nCREATE TABLE sqlmigrate ();\n-- +migrate Down\nDROP TABLE sqlmigrate;\n",
		"dbmate":      "-- migrate:up transaction:false\nCREATE TABLE dbmate ();\n-- migrate:down\nDROP TABLE dbmate;\n",
		"tern":        "create table tern ();\n---- create above / drop below ----\ndrop table tern;\n",
		"atlas":       "-- atlas:nolint\n\nCREATE TABLE atlas ();\n",
	} {
		table := strings.ReplaceAll(tool, "-", "")
		dir := []string{"--migration-dir", tool}
		p.write(tool+"/1_first.sql", text)
		p.ok(append([]string{"db", "migrate"}, dir...)...)
		there := func() string { return p.query("SELECT to_regclass('" + table + "') IS NOT NULL") }
		if there() != "t" {
			t.Error(tool, "is not applied")
		}
		created := strings.Fields(p.ok(append([]string{"db", "migrate", "create", "next"}, dir...)...))
		if len(created) != 1 {
			t.Error(tool, "makes", created)
		}
		os.Remove(p.dir + "/" + created[0])
		down := p.run(append([]string{"db", "migrate", "down"}, dir...)...)
		if want := tool == "atlas"; (there() == "t") != want || (down.code != 0) != want {
			t.Errorf("%s: %+v", tool, down)
		}
		p.query("DELETE FROM nself_ops.migrations")
	}
	p.write("migrations/1_env.sql", "-- +goose ENVSUB ON\n-- +goose Up\n")
	if r := p.run("db", "migrate"); r.code != 1 || !strings.Contains(r.err, "migrations/1_env.sql:1") || !strings.Contains(r.err, "goose") {
		t.Errorf("%+v", r)
	}
	// A tool's file has a transaction unless it says otherwise, as it has with the tool.
	p.write("migrations/1_env.sql", "-- +goose Up\nCREATE TABLE kept ();\nVACUUM;\n")
	if r := p.run("db", "migrate"); r.code != 1 || !strings.Contains(r.err, "1_env.sql:3") || !strings.Contains(r.err, "NO TRANSACTION") {
		t.Errorf("%+v", r)
	}
	if got := p.query("SELECT to_regclass('kept') IS NULL"); got != "t" {
		t.Error("half of a migration is there")
	}
}

// TestMigrateDump applies a dump of ours, as a migration and as a seed.
func TestMigrateDump(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	p.query("CREATE TABLE fruit (name text, n int); INSERT INTO fruit VALUES ('fig', 1), (E'a\\tb\\\\', NULL)")
	p.ok("db", "dump", "--format", "sql", "1_schema.sql", "--", "--schema-only")
	p.ok("db", "dump", "--format", "sql", "all.sql")
	sum := "SELECT md5(string_agg(f::text, ',' ORDER BY f)) FROM fruit f"
	before := p.query(sum)
	p.write("migrations/1_schema.sql", string(must(os.ReadFile(p.dir+"/1_schema.sql"))))
	p.query("DROP TABLE fruit")
	p.ok("db", "migrate")
	if got := p.query("SELECT count(*) FROM fruit"); got != "0" {
		t.Error(got)
	}
	p.query("DROP TABLE fruit")
	p.ok("db", "seed", "all.sql")
	if got := p.query(sum); got != before {
		t.Error("the data differ")
	}
	p.write("bad.sql", "SELECT 1;\n\\connect other\n")
	if r := p.run("db", "seed", "bad.sql"); r.code != 1 || !strings.Contains(r.err, "bad.sql:2") || !strings.Contains(r.err, "nself psql -f") {
		t.Errorf("%+v", r)
	}
}

// TestMigrateLine: an error without a position is on the line of its statement.
func TestMigrateLine(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	for text, line := range map[string]string{
		"CREATE TABLE c (i int);\nSELECT 1/0;\n":                                       "2",
		"SELECT 1;\n\n-- why\nSELECT\n1/0;\n":                                          "4",
		"-- +goose Up\nSELECT 1;\nSELECT 1/0;\n":                                       "3",
		"BEGIN;\nSELECT 1;\nSELECT 1/0;\nCOMMIT;\n":                                    "3",
		"CREATE TABLE c (i int);\nCOPY c FROM stdin;\n1\nx\n\\.\nSELECT 1;":            "2",
		"SELECT 1;\nDO $$ BEGIN\nPERFORM 1/0;\nEND $$;":                                "2",
		"CREATE TABLE c (i int);\nCREATE TABLE d (\n\ti nosuch);\n":                    "3",
		"CREATE TABLE c (i int);\nCOPY c FROM stdin;\n1\n\\.\nSELECT nosuch FROM c;\n": "5",
	} {
		p.write("migrations/1_bad.sql", text)
		if r := p.run("db", "migrate"); r.code != 1 || !strings.Contains(r.err, "migrations/1_bad.sql:"+line+": ") {
			t.Errorf("%q: %+v", text, r)
		}
	}
	if got := p.query("SELECT to_regclass('c') IS NULL"); got != "t" {
		t.Error("half of a migration is there")
	}
}
