package embeddedpg_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nself.org/embeddedpg"
)

// TestRestoreHalf has dumps of each format, as pg_dump makes them, that were cut or emptied: none replaces the database.
func TestRestoreHalf(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	defer s.Close()
	c := backupConn(t, s, "")
	if _, err := c.Exec(ctx, "CREATE TABLE one AS SELECT generate_series(1, 1000) AS i; CREATE TABLE two AS SELECT md5(g::text) FROM generate_series(1, 20000) g"); err != nil {
		t.Fatal(err)
	}
	databases := func() string {
		return value(t, c, "SELECT (SELECT count(*) FROM one) || ' ' || (SELECT count(*) FROM two) || ' ' || string_agg(datname, ' ' ORDER BY datname) FROM pg_database")
	}
	before := databases()
	formats := []embeddedpg.BackupFormat{embeddedpg.BackupPlain, embeddedpg.BackupCustom, embeddedpg.BackupTar}
	if testing.Short() {
		formats = formats[:1]
	}
	for _, f := range formats {
		b, err := s.Backup(ctx, embeddedpg.BackupOptions{Dir: t.TempDir(), Format: f})
		if err != nil {
			t.Fatal(err)
		}
		whole, err := os.ReadFile(b.Path)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []int{0, 1, 2, 4, 6, 7} { // eighths
			path := filepath.Join(t.TempDir(), "dump") // a file that someone else made: there is nothing to compare it with
			if err := os.WriteFile(path, whole[:len(whole)*part/8], 0o600); err != nil {
				t.Fatal(err)
			}
			half, err := embeddedpg.FindBackup(ctx, "", "", path)
			if err == nil {
				_, err = s.Restore(ctx, half, embeddedpg.RestoreOptions{})
			}
			if err == nil {
				t.Fatalf("%s, %d of 8 parts: restored", f, part)
			}
			if got := databases(); got != before {
				t.Fatalf("%s, %d of 8 parts: %s, want %s", f, part, got, before)
			}
		}
	}
}

// TestRestoreHalfDirectory cuts the file of a table, compressed and not.
func TestRestoreHalfDirectory(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestRestoreHalf has the plain format")
	}
	t.Parallel()
	ctx := context.Background()
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	defer s.Close()
	c := backupConn(t, s, "")
	if _, err := c.Exec(ctx, "CREATE TABLE one AS SELECT generate_series(1, 1000) AS i"); err != nil {
		t.Fatal(err)
	}
	b, err := s.Backup(ctx, embeddedpg.BackupOptions{Dir: t.TempDir(), Format: embeddedpg.BackupDirectory})
	if err != nil {
		t.Fatal(err)
	}
	data, err := filepath.Glob(filepath.Join(b.Path, "*.dat.gz"))
	if err != nil || len(data) != 1 {
		t.Fatal(data, err)
	}
	packed, err := os.ReadFile(data[0])
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	restore := func(name string, data []byte) error {
		dir := t.TempDir()
		toc, err := os.ReadFile(filepath.Join(b.Path, "toc.dat"))
		if err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string][]byte{"toc.dat": toc, name: data} {
			if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		theirs, err := embeddedpg.FindBackup(ctx, "", "", dir)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Restore(ctx, theirs, embeddedpg.RestoreOptions{Database: "copy"})
		return err
	}
	for name, whole := range map[string][]byte{filepath.Base(data[0]): packed, strings.TrimSuffix(filepath.Base(data[0]), ".gz"): unpacked} {
		for _, n := range []int{0, 1, len(whole) / 2, len(whole) - 5} {
			if err := restore(name, whole[:n]); err == nil {
				t.Errorf("%s: restored from %d of %d bytes", name, n, len(whole))
			}
		}
		if err := restore(name, whole); err != nil {
			t.Error(name, err)
		}
	}
}

// TestRestoreNothing has dumps that hold less than the database does: the old one stays under another name, and what both
// held is told.
func TestRestoreNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	defer s.Close()
	dir := t.TempDir()
	for _, tt := range []struct {
		name, sql string
		o         embeddedpg.RestoreOptions
		tables    int
		rows      int64
		kept      bool
	}{
		{"no statement", "", embeddedpg.RestoreOptions{Incomplete: true}, 0, 0, true},
		{"no table", "SELECT 1;", embeddedpg.RestoreOptions{Incomplete: true}, 0, 0, true},
		{"no row", "CREATE TABLE t (i int);", embeddedpg.RestoreOptions{Incomplete: true}, 1, 0, true},
		{"a row", "CREATE TABLE t (i int); INSERT INTO t VALUES (1);", embeddedpg.RestoreOptions{Incomplete: true}, 1, 1, false},
		{"meant", "SELECT 1;", embeddedpg.RestoreOptions{Incomplete: true, Discard: true}, 0, 0, false},
		{"a dump of none", "SELECT 1;\n--\n-- PostgreSQL database dump complete\n--\n", embeddedpg.RestoreOptions{}, 0, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := backupConn(t, s, "")
			if _, err := c.Exec(ctx, "DROP DATABASE IF EXISTS app WITH (FORCE)"); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Exec(ctx, "CREATE DATABASE app"); err != nil {
				t.Fatal(err)
			}
			app := backupConn(t, s, "app")
			if _, err := app.Exec(ctx, "CREATE TABLE t AS SELECT generate_series(1, 7) AS i; CREATE TABLE none ()"); err != nil {
				t.Fatal(err)
			}
			app.Close(ctx)
			path := filepath.Join(dir, "dump.sql")
			if err := os.WriteFile(path, []byte(tt.sql), 0o600); err != nil {
				t.Fatal(err)
			}
			b, err := embeddedpg.FindBackup(ctx, dir, "", path)
			if err != nil {
				t.Fatal(err)
			}
			tt.o.Database = "app"
			r, err := s.Restore(ctx, b, tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Before.Tables != 2 || r.Before.Rows != 7 || r.Before.Bytes < 1<<20 || r.After.Tables != tt.tables || r.After.Rows != tt.rows {
				t.Errorf("%+v", r)
			}
			if (r.Kept != "") != tt.kept {
				t.Fatalf("kept as %q", r.Kept)
			}
			if tt.kept {
				kept := backupConn(t, s, r.Kept)
				if got := value(t, kept, "SELECT count(*)::text FROM t"); got != "7" || !strings.HasPrefix(r.Kept, "app_") {
					t.Errorf("%s holds %s", r.Kept, got)
				}
				kept.Close(ctx)
				// The next restore does not remove it.
				if _, err := s.Restore(ctx, b, tt.o); err != nil {
					t.Fatal(err)
				}
				if _, err := c.Exec(ctx, fmt.Sprintf("DROP DATABASE %q", r.Kept)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestRestoreThenWork begins to work in a database as soon as it is restored: only sessions of before are ended.
func TestRestoreThenWork(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	defer s.Close()
	dir := t.TempDir()
	path := filepath.Join(dir, "dump.sql")
	if err := os.WriteFile(path, []byte("CREATE TABLE t (i int); INSERT INTO t VALUES (1);"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := embeddedpg.FindBackup(ctx, dir, "", path)
	if err != nil {
		t.Fatal(err)
	}
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	for range rounds {
		if _, err := s.Restore(ctx, b, embeddedpg.RestoreOptions{Database: "app", Incomplete: true}); err != nil {
			t.Fatal(err)
		}
		c := backupConn(t, s, "app")
		if _, err := c.Exec(ctx, "SELECT pg_sleep(0.1)"); err != nil {
			t.Error(err)
		}
		c.Close(ctx)
	}
}

// TestRestoreOther has a dump of another database than the one that would be replaced.
func TestRestoreOther(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	defer s.Close()
	c := backupConn(t, s, "")
	if _, err := c.Exec(ctx, "CREATE DATABASE other"); err != nil {
		t.Fatal(err)
	}
	b, err := s.Backup(ctx, embeddedpg.BackupOptions{Dir: t.TempDir(), Database: "other"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Restore(ctx, b, embeddedpg.RestoreOptions{}); err == nil {
		t.Errorf("restored: %+v", r)
	}
	if r, err := s.Restore(ctx, b, embeddedpg.RestoreOptions{Database: "postgres"}); err != nil || !r.Replaced {
		t.Errorf("named: %+v, %v", r, err)
	}
}
