package backup

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/fault"
)

// TestDumpLocales restores a dump of a native database that sorts by libc's locales: it is refused, and with
// RestoreOptions.MapLocales sorts by ICU's; and a dump of that goes back.
func TestDumpLocales(t *testing.T) {
	p := newPlace(t)
	p.initNative(t, p.path("native"))
	n := p.startNative(t, p.path("native"), "fsync=off")
	p.run(t, n.env(), "psql", "-Xq", "-v", "ON_ERROR_STOP=1",
		"-c", `CREATE TABLE words (w text COLLATE "sv_SE.utf8")`,
		"-c", `CREATE COLLATION german (provider = libc, locale = 'de_DE.utf8')`,
		"-c", `INSERT INTO words VALUES ('Öl'), ('Zebra'), ('ol')`,
		"-c", `CREATE INDEX german ON words (w COLLATE german); CREATE INDEX english ON words ((w COLLATE "en_US.utf8"))`,
		"-c", `CREATE VIEW french AS SELECT w FROM words ORDER BY w COLLATE "fr_FR.utf8"`)
	file := p.path("dump")
	p.run(t, n.env(), "pg_dump", "-Fc", "-Z0", "-f", p.inside(file))
	ctx := context.Background()
	s := p.ours(t, embeddedpg.Config{})
	b, err := embeddedpg.FindBackup(ctx, p.path("none"), "", file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Restore(ctx, b, embeddedpg.RestoreOptions{Database: "words"})
	var e *fault.Error
	if !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("without mapped locales: %v", err)
	}
	if _, err := s.Restore(ctx, b, embeddedpg.RestoreOptions{Database: "words", MapLocales: true}); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(ctx, s.ConnString("words"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	for sql, want := range map[string]string{
		"SELECT string_agg(w, ' ' ORDER BY w) FROM words":                          "ol Zebra Öl",
		"SELECT string_agg(w, ' ') FROM french":                                    "ol Öl Zebra",
		"SELECT collprovider::text FROM pg_collation WHERE collname = 'german'":    "i",
		"SELECT (pg_get_indexdef('english'::regclass) LIKE '%en-US-x-icu%')::text": "true",
	} {
		var got string
		if err := c.QueryRow(ctx, sql).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %q, %v", sql, got, err)
		}
	}
	// What ours dumps, native restores.
	if b, err = s.Backup(ctx, embeddedpg.BackupOptions{Dir: p.path("backups"), Database: "words", Format: embeddedpg.BackupPlain}); err != nil {
		t.Fatal(err)
	}
	own(t, p.path("backups"), nobody)
	p.run(t, n.env(), "createdb", "-T", "template0", "back")
	p.run(t, n.env(), "psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-d", "back", "-f", p.inside(b.Path))
}
