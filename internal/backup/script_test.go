package backup

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/fault"
)

// wholeDump is what pg_dump 18 writes, shortened.
const wholeDump = `--
-- PostgreSQL database dump
--

\restrict zEGvbAbdEnF

-- Dumped from database version 18.6

SET statement_timeout = 0;

CREATE TABLE public.t (
    id integer
);

CREATE UNLOGGED TABLE public.u (a int);

COPY public.t (id) FROM stdin;
1
--
-- PostgreSQL database dump complete
\\.
3
\.


--
-- PostgreSQL database dump complete
--

\unrestrict zEGvbAbdEnF

`

// olderDump is as versions before \restrict end it.
var olderDump = strings.ReplaceAll(strings.ReplaceAll(wholeDump, "\\restrict zEGvbAbdEnF\n", ""), "\\unrestrict zEGvbAbdEnF\n", "")

func TestScript(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       script
		refused    error // nil: it is taken
	}{
		{"whole", wholeDump, script{statements: true, closed: true, tables: 2, rows: 5}, nil},
		{"older", olderDump, script{statements: true, closed: true, tables: 2, rows: 5}, nil},
		{"verbose", strings.Replace(olderDump, "\n\n--\n-- PostgreSQL database dump complete\n--\n", "\n-- Completed on 2026-01-02 03:04:05 UTC\n\n--\n-- PostgreSQL database dump complete\n--\n", 1), script{statements: true, closed: true, tables: 2, rows: 5}, nil},
		{"Windows", strings.ReplaceAll(wholeDump, "\n", "\r\n"), script{statements: true, closed: true, tables: 2}, nil},
		{"empty", "", script{}, ErrIncomplete},
		{"blank", "\n \n", script{}, ErrIncomplete},
		{"comments", "-- PostgreSQL database dump\n--\n-- PostgreSQL database dump complete\n--\n", script{closed: true}, ErrIncomplete},
		{"psql commands", "\\echo hello\n", script{}, ErrIncomplete},
		{"by hand", "CREATE TABLE t ();\n", script{statements: true, tables: 1}, ErrIncomplete},
		{"more behind the end", wholeDump + "INSERT INTO t VALUES (1);\n", script{statements: true, tables: 2, rows: 5}, ErrIncomplete},
		{"half a dump of a cluster", "--\n-- PostgreSQL database cluster dump\n--\n" + wholeDump, script{statements: true, tables: 2, rows: 5}, ErrIncomplete},
		{"a dump of a cluster", "--\n-- PostgreSQL database cluster dump\n--\n" + wholeDump + "--\n-- PostgreSQL database cluster dump complete\n--\n\n", script{statements: true, closed: true, tables: 2, rows: 5}, nil},
		{"long line", "INSERT INTO t VALUES ('" + strings.Repeat("x", 3<<20) + "');\n--\n-- PostgreSQL database dump complete\n--\n", script{statements: true, closed: true}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "dump.sql")
			overwrite(t, path, tt.text)
			got, err := readScript(context.Background(), path)
			if tt.name == "Windows" {
				got.rows = 0
			}
			if err != nil || got != tt.want {
				t.Errorf("%+v, %v, want %+v", got, err, tt.want)
			}
			if err := got.check(path, false); !errors.Is(err, tt.refused) || (err == nil) != (tt.refused == nil) {
				t.Error("checked:", err)
			}
			if err := got.check(path, true); err != nil {
				t.Error("meant to be incomplete:", err)
			}
		})
	}
}

// TestScriptCut cuts a dump behind each of its bytes: what is left is refused up to the closing comment.
func TestScriptCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dump.sql")
	end := strings.LastIndex(wholeDump, databaseClosed) + len(databaseClosed)
	for n := range len(wholeDump) {
		overwrite(t, path, wholeDump[:n])
		s, err := readScript(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.check(path, false); err == nil && n < end {
			t.Errorf("%d of %d bytes: %v", n, len(wholeDump), err)
		}
	}
}

func TestScriptConnects(t *testing.T) {
	for _, line := range []string{`\connect app`, `\c`, `\connect -reuse-previous=on "dbname='x'"`} {
		path := filepath.Join(t.TempDir(), "dump.sql")
		overwrite(t, path, line+"\n"+wholeDump)
		s, err := readScript(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		for _, incomplete := range []bool{false, true} {
			var e *fault.Error
			if err := s.check(path, incomplete); !errors.As(err, &e) || !strings.Contains(err.Error(), line) {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
}

func TestUnchanged(t *testing.T) {
	dir := t.TempDir()
	overwrite(t, filepath.Join(dir, "a"), "one")
	before, err := fingerprint(dir)
	if err != nil || unchanged(dir, before) != nil {
		t.Fatal(before, err)
	}
	time.Sleep(10 * time.Millisecond)
	overwrite(t, filepath.Join(dir, "a"), "two")
	if unchanged(dir, before) == nil {
		t.Error("other contents of the same length")
	}
	before, _ = fingerprint(dir)
	overwrite(t, filepath.Join(dir, "b"), "")
	if unchanged(dir, before) == nil {
		t.Error("another file")
	}
}

func TestKeptName(t *testing.T) {
	for _, database := range []string{"app", strings.Repeat("ü", 31), strings.Repeat("x", 63)} {
		got := keptName(database)
		if name, _, ok := strings.Cut(got, "_before_"); !ok || len(got) > 63 || !strings.HasPrefix(database, name) || strings.Contains(got, "\ufffd") {
			t.Errorf("%s: %s", database, got)
		}
	}
}
