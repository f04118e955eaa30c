package migratetest_test

import (
	"embed"
	"testing"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/migratetest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

//go:embed testdata
var files embed.FS

// state describes the tables but golang-migrate's own, their indexes and their rows.
const state = `
	SELECT string_agg(what, E'\n' ORDER BY what) FROM (
		SELECT format('%s.%s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod)) AS what
		FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
		WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'schema_migrations%' AND attnum > 0
		UNION ALL SELECT f::text FROM fruit f
		UNION ALL SELECT prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace)`

func query(t *testing.T, db *pgxtest.DB, statement string) (text string) {
	t.Helper()
	if err := db.Pool(t).QueryRow(t.Context(), statement).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// TestUp: golang-migrate makes of the files what pgtest's own reader makes of them.
func TestUp(t *testing.T) {
	db := pgxtest.New(t, migratetest.Up(files, "testdata"))
	ours := pgxtest.New(t, pgtest.MigrateFS(files, "testdata/*.sql"))
	if a, b := query(t, db, state), query(t, ours, state); a != b {
		t.Errorf("golang-migrate makes\n%s\nMigrateFS\n%s", a, b)
	}
	if got := query(t, db, "SELECT max(version)::text FROM schema_migrations"); got != "10" {
		t.Error(got)
	}
}
