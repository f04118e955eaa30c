package migrate

import (
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, tt := range []struct {
		sql, want string // want: the statements, trimmed, joined by |
	}{
		{"", ""},
		{"  -- nothing\n/* ; */", ""},
		{"SELECT 1", "SELECT 1"},
		{"SELECT 1; SELECT 2;", "SELECT 1;|SELECT 2;"},
		{"SELECT ';' ; SELECT \";\"", "SELECT ';' ;|SELECT \";\""},
		{"SELECT 'it''s;' ; SELECT 2", "SELECT 'it''s;' ;|SELECT 2"},
		{`SELECT E'\';' ; SELECT 2`, `SELECT E'\';' ;|SELECT 2`},
		{`SELECT 'a\'; SELECT 2`, `SELECT 'a\';|SELECT 2`},
		{"SELECT $$;$$; SELECT $a$ $$;$b$;$a$", "SELECT $$;$$;|SELECT $a$ $$;$b$;$a$"},
		{"SELECT $1; SELECT a$b$; SELECT 3", "SELECT $1;|SELECT a$b$;|SELECT 3"},
		{"SELECT 1 /* ; /* ; */ ; */; SELECT 2", "SELECT 1 /* ; /* ; */ ; */;|SELECT 2"},
		{"SELECT 1 -- ; x\n; SELECT 2", "SELECT 1 -- ; x\n;|SELECT 2"},
		{"CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3", "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);|SELECT 3"},
		{
			"CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3",
			"CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;|SELECT 3",
		},
		{"BEGIN; SELECT 1; END; SELECT 2", "BEGIN;|SELECT 1;|END;|SELECT 2"},
		{"SELECT 'open", "SELECT 'open"},
		{"SELECT ü;SELECT 2", "SELECT ü;|SELECT 2"},
	} {
		var got []string
		list, bad := split(tt.sql)
		if bad != nil {
			t.Errorf("%q: %v", tt.sql, bad.err)
		}
		for _, s := range list {
			got = append(got, strings.TrimSpace(tt.sql[s.begin:s.end]))
		}
		if g := strings.Join(got, "|"); g != tt.want {
			t.Errorf("%q:\n got %q\nwant %q", tt.sql, g, tt.want)
		}
	}
}

func TestOutside(t *testing.T) {
	for sql, want := range map[string]string{
		"CREATE TABLE t (concurrently int)":                           "CONCURRENTLY", // a column cannot be told from the word; it then runs without a transaction
		"SELECT 'CREATE INDEX CONCURRENTLY'; -- VACUUM\n SELECT 1":    "",
		"CREATE TABLE t (); create index concurrently i on t (a)":     "CONCURRENTLY",
		"ALTER TYPE \"Mood\" ADD VALUE 'bad'":                         "ALTER TYPE ... ADD VALUE",
		"ALTER TYPE mood RENAME VALUE 'a' TO 'b'":                     "",
		"BEGIN; SELECT 1; COMMIT":                                     "it has transactions of its own",
		"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END;": "",
		"DO $$ BEGIN PERFORM 1; COMMIT; END $$":                       "",
		"PREPARE p AS SELECT 1":                                       "",
		"VACUUM FULL":                                                 "VACUUM FULL",
		"CREATE DATABASE d":                                           "CREATE DATABASE",
	} {
		list, bad := split(sql)
		if got := outside(list); got != want || bad != nil {
			t.Errorf("%q: got %q, want %q", sql, got, want)
		}
	}
}

// FuzzSplit: the pieces put together are the whole but for what has no statement in it.
func FuzzSplit(f *testing.F) {
	f.Add("SELECT 1; CREATE FUNCTION f() BEGIN ATOMIC SELECT $a$;$a$; END; /* x */ 'y")
	f.Fuzz(func(t *testing.T, sql string) {
		end := 0
		list, _ := split(sql)
		for _, s := range list {
			if s.begin < end || s.first < s.begin || s.end <= s.first || s.end > len(sql) {
				t.Fatalf("%q: statement %+v after %d", sql, s, end)
			}
			end = s.end
		}
		outside(list)
	})
}
