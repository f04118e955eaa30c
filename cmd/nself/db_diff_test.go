package main

import (
	"strings"
	"testing"
)

// TestDBDiff: the migration that is printed makes one schema the other, and what it does not reach is said.
func TestDBDiff(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: several servers take seconds of every processor")
	}
	t.Parallel()
	p := newProject(t)
	p.run("db", "diff", "main", "try").says(t, 1, "no database yet", "nself start")
	p.start()
	p.query(`CREATE ROLE app;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE users (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name text NOT NULL, m mood, old int);
CREATE INDEX users_name ON users (name);
CREATE VIEW v AS SELECT id, name FROM users;
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS $$ SELECT a + 1 $$;
COMMENT ON TABLE users IS 'people';
CREATE TABLE doomed (i int)`)
	p.ok("branch", "create", "try")
	if out := p.ok("db", "diff", "main", "try"); !strings.Contains(out, "do not differ") {
		t.Error(out)
	}
	p.ok("--branch", "try", "start")
	p.on("try", `ALTER TYPE mood ADD VALUE 'happy';
CREATE SCHEMA s;
CREATE DOMAIN s.email AS text CHECK (VALUE ~ '@');
ALTER TABLE users DROP COLUMN old, ADD COLUMN mail s.email, ADD CONSTRAINT named CHECK (length(name) > 1);
CREATE TABLE orders (id int PRIMARY KEY, owner bigint REFERENCES users, at timestamptz DEFAULT now());
CREATE OR REPLACE FUNCTION f(a int) RETURNS int LANGUAGE sql AS $$ SELECT a + 2 $$;
COMMENT ON TABLE users IS 'persons';
DROP TABLE doomed;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON users TO app USING (true);
GRANT SELECT ON users TO app;
CREATE STATISTICS st ON id, name FROM users`)
	migration := p.ok("db", "diff", "main", "try")
	for _, want := range []string{"DELETES_DATA", `ADD COLUMN "mail"`, "CREATE DOMAIN s.email", "CREATE STATISTICS", "'persons'", "ADD VALUE 'happy'"} {
		if !strings.Contains(migration, want) {
			t.Errorf("no %q in\n%s", want, migration)
		}
	}
	if strings.Contains(migration, "left to you") || strings.Contains(migration, "does not work") {
		t.Error(migration)
	}
	p.ok("branch", "create", "migrated")
	p.write("migration.sql", migration)
	p.ok("--branch", "migrated", "run", "--", "sh", "-c", `"$0" psql "$DATABASE_URL" -Xq -v ON_ERROR_STOP=1 -f migration.sql`, p.command().Path)
	if out := p.ok("db", "diff", "migrated", "try"); !strings.Contains(out, "do not differ") {
		t.Error(out)
	}
	if all := p.branches(); all["migrated"].Status != "stopped" || all["try"].Status != "ready" {
		t.Errorf("%+v", all)
	}

	// The way back drops what was planned by nobody, and says so.
	if back := p.ok("db", "diff", "try", "main"); !strings.Contains(back, "STATISTICS public.st is to be dropped") || !strings.Contains(back, "mood differs") {
		t.Error(back)
	}
	// A database of the server, and a URL.
	p.query("CREATE DATABASE other")
	if out := p.ok("db", "diff", "other", "main"); !strings.Contains(out, `CREATE TABLE "public"."users"`) {
		t.Error(out)
	}
	s := p.state()
	url := embedded(s, p.password()).server().URL()
	if out := p.ok("db", "diff", url, "main"); !strings.Contains(out, "do not differ") || strings.Contains(out, p.password()) {
		t.Error(out)
	}
	p.run("db", "diff", "main", "main").says(t, 1, "both are the same", "nself db diff A B")
	p.run("db", "diff", "main", "tri").says(t, 1, "no branch and no database", "nself branch list")
	p.run("db", "diff", "main", "postgresql://me@127.0.0.1:1/x").says(t, 1, "refused")
}
