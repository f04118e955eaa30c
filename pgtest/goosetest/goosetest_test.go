package goosetest_test

import (
	"context"
	"database/sql"
	"embed"
	"testing"

	"github.com/pressly/goose/v3"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/goosetest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

//go:embed testdata
var files embed.FS

// state describes the tables but goose's own, their indexes and their rows.
const state = `
	SELECT string_agg(what, E'\n' ORDER BY what) FROM (
		SELECT format('%s.%s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod)) AS what
		FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
		WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'goose%' AND attnum > 0
		UNION ALL SELECT f::text FROM fruit f
		UNION ALL SELECT prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace)`

func query(t *testing.T, db *pgxtest.DB, statement string) (text string) {
	t.Helper()
	if err := db.Pool(t).QueryRow(t.Context(), statement).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// TestUp: goose makes of the files what pgtest's own reader makes of them.
func TestUp(t *testing.T) {
	db := pgxtest.New(t, goosetest.Up(files, "testdata"))
	ours := pgxtest.New(t, pgtest.MigrateFS(files, "testdata/*.sql"))
	if a, b := query(t, db, state), query(t, ours, state); a != b {
		t.Errorf("goose makes\n%s\nMigrateFS\n%s", a, b)
	}
	if got := query(t, db, "SELECT max(version_id)::text FROM goose_db_version"); got != "10" {
		t.Error(got)
	}
}

// TestGo runs a migration in Go too.
func TestGo(t *testing.T) {
	t.Cleanup(goose.ResetGlobalMigrations)
	up := func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO fruit (name) VALUES ('from Go')")
		return err
	}
	if err := goose.SetGlobalMigrations(goose.NewGoMigration(11, &goose.GoFunc{RunTx: up}, nil)); err != nil {
		t.Fatal(err)
	}
	db := pgxtest.New(t, goosetest.Up(files, "testdata"))
	if got := query(t, db, "SELECT count(*)::text FROM fruit WHERE name = 'FROM GO'"); got != "1" {
		t.Error(got)
	}
}
