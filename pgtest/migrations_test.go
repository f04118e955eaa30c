package pgtest_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

// TestMigrateFSTools: the files of each tool make the table and leave it, with what is in it.
func TestMigrateFSTools(t *testing.T) {
	for tool, files := range map[string]map[string]string{
		"plain": {"2_row.sql": "INSERT INTO fruit VALUES ('fig');", "1_fruit.sql": "CREATE TABLE fruit (name text);"},
		"goose": {
			"00001_fruit.sql": "-- +goose Up\nCREATE TABLE fruit (name text);\n-- +goose Down\nDROP TABLE fruit;\n",
			"00002_row.sql":   "-- +goose NO TRANSACTION\n-- +goose Up\nINSERT INTO fruit VALUES ('fig');\nCREATE INDEX CONCURRENTLY i ON fruit (name);\n-- +goose Down\nTRUNCATE fruit;\n",
		},
		"golang-migrate": {
			"1_fruit.up.sql": "CREATE TABLE fruit (name text);", "1_fruit.down.sql": "DROP TABLE fruit;",
			"2_row.up.sql": "INSERT INTO fruit VALUES ('fig');", "2_row.down.sql": "TRUNCATE fruit;",
			"10_more.up.sql": "BEGIN; UPDATE fruit SET name = name; COMMIT;", "10_more.down.sql": "",
		},
		"dbmate": {
			"20260101000000_fruit.sql": "-- migrate:up\nCREATE TABLE fruit (name text);\n-- migrate:down\nDROP TABLE fruit;\n",
			"20260102000000_row.sql":   "-- migrate:up transaction:false\nINSERT INTO fruit VALUES ('fig');\nVACUUM fruit;\n-- migrate:down\nTRUNCATE fruit;\n",
		},
		"sql-migrate": {"1.sql": "-- +migrate Up\nCREATE TABLE fruit (name text);\nINSERT INTO fruit VALUES ('fig');\n-- +migrate Down\nDROP TABLE fruit;\n"},
		"tern":        {"001_fruit.sql": "create table fruit (name text);\ninsert into fruit values ('fig');\n---- create above / drop below ----\ndrop table fruit;\n"},
		"atlas":       {"1.sql": "SELECT 1/0;", "2.sql": "-- atlas:checkpoint\n\nCREATE TABLE fruit (name text);\n", "3.sql": "INSERT INTO fruit VALUES ('fig');"},
	} {
		m := fstest.MapFS{}
		for name, text := range files {
			m[name] = &fstest.MapFile{Data: []byte(text)}
		}
		db := pgxtest.New(t, pgtest.MigrateFS(m))
		if got := one[string](t, db.Conn(t), "SELECT string_agg(name, ',') FROM fruit"); got != "fig" {
			t.Errorf("%s: %s", tool, got)
		}
	}
}

// TestSQLDump: what pg_dump writes is a template.
func TestSQLDump(t *testing.T) {
	const dump = `\restrict x
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.fruit (name text, n int);
COPY public.fruit (name, n) FROM stdin;
fig	1
a\tb	\N
\.

CREATE INDEX i ON public.fruit USING btree (name);
\unrestrict x
`
	c := pgxtest.New(t, pgtest.SQL(dump)).Conn(t)
	if got := one[string](t, c, "SELECT string_agg(f::text, ' ' ORDER BY name) FROM fruit f"); got != "(\"a\tb\",) (fig,1)" {
		t.Error(got)
	}
	// One statement may be what does not run in a transaction, as before.
	pgtest.New(t, pgtest.SQL("CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$"), pgtest.SQL("CALL p()"))
}

func TestFailLine(t *testing.T) {
	needsFail(t)
	for _, text := range []string{
		"CREATE TABLE c (i int);\nSELECT 1/0;\n",
		"CREATE TABLE c (i int);\n\nCREATE TABLE d (\n\ti nosuch);\n",
		"-- +goose Up\nSELECT 1;\n\n\n\nSELECT 1/0;\n",
		"SELECT 1;\n\\connect other\n",
		"-- +goose Up\n-- +goose Sideways\n",
		"CREATE TABLE c (i int);\nCOPY c FROM stdin;\nx\n\\.\n",
	} {
		t.Run("", func(t *testing.T) {
			pgtest.New(t, pgtest.MigrateFS(fstest.MapFS{"m/1_x.sql": {Data: []byte(text)}}, "m/*.sql"))
		})
	}
	t.Run("", func(t *testing.T) { pgtest.New(t, pgtest.SQL("SELECT 1;\nSELECT\n1/0;")) })
}

func TestLine(t *testing.T) {
	t.Parallel()
	out, passed := rerun(t, "TestFailLine")
	for _, want := range []string{"m/1_x.sql:2: ERROR: division by zero", "m/1_x.sql:4: ERROR", "m/1_x.sql:6: ERROR", "m/1_x.sql:2: \\connect", "m/1_x.sql:2: a file of goose", "m/1_x.sql:2: ERROR: invalid input syntax", "pgtest.SQL:2: ERROR: division by zero"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q", want)
		}
	}
	if passed || t.Failed() {
		t.Error(out)
	}
}

// TestFailFunction says when its template was made, in a server in a directory.
func TestFailFunction(t *testing.T) {
	needsFail(t)
	made := func(ctx context.Context, db *pgtest.DB) error {
		return db.Exec(ctx, "CREATE TABLE made AS SELECT clock_timestamp() AS at")
	}
	for name, option := range map[string]pgtest.Option{
		"alone": pgtest.Migrate("made", made), "version": pgtest.Migrate("made", made, pgtest.Version("1")),
		"files": pgtest.Migrate("made", made, pgtest.Files(os.DirFS("testdata"))),
	} {
		t.Log("template", name, one[string](t, pgxtest.New(t, option).Conn(t), "SELECT 'made ' || at FROM made"))
	}
}

// TestOtherBinary runs a function's template in test binaries that were built of different sources: one has the other's
// template only by a version or files.
func TestOtherBinary(t *testing.T) {
	if testing.Short() {
		t.Skip("as TestShared, with other servers")
	}
	t.Parallel()
	other := patchedBinary(t)
	dir, parent := t.TempDir(), t.TempDir()
	run := func(binary string) map[string]string {
		out, passed := rerunBinary(t, binary, "TestFailFunction", "EMBEDDEDPG_PGTEST_DIR="+parent, "EMBEDDEDPG_PGTEST="+dir, short)
		if !passed {
			t.Fatal(out)
		}
		made := map[string]string{}
		for line := range strings.Lines(out) {
			if _, what, ok := strings.Cut(line, ": template "); ok {
				name, at, _ := strings.Cut(what, " ")
				made[name] = at
			}
		}
		return made
	}
	first, again, edited := run(os.Args[0]), run(os.Args[0]), run(other)
	for _, name := range []string{"alone", "version", "files"} {
		if first[name] == "" || first[name] != again[name] {
			t.Errorf("%s: the same binary has another template: %s, %s", name, first[name], again[name])
		}
		if same := first[name] == edited[name]; same != (name != "alone") {
			t.Errorf("%s: with another binary the template is the same: %v", name, same)
		}
	}
	empty(t, dir)
}
