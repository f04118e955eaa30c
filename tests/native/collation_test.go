package native

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
)

// collationSQL defines digest, of a collation: what it makes of words of many scripts, sorted, and of their cases.
const collationSQL = `CREATE FUNCTION pg_temp.digest(collation_name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE sorted text; cased text;
BEGIN
	EXECUTE format('SELECT md5(string_agg(w, '','' ORDER BY w COLLATE %1$I, w COLLATE "C")),
		md5(string_agg(upper(w COLLATE %1$I) || lower(w COLLATE %1$I) || initcap(w COLLATE %1$I) || casefold(w COLLATE %1$I), '','' ORDER BY w COLLATE "C"))
		FROM pg_temp.words', collation_name) INTO sorted, cased;
	RETURN sorted || ' ' || cased;
END $$;
CREATE TEMP TABLE words AS SELECT DISTINCT w FROM (
	SELECT chr(n) || repeat(chr(n % 26 + 97), n % 3) AS w FROM unnest('{65,192,256,400,880,1040,1329,1488,1575,2309,3585,4304,7680,12353,12449}'::int[]) s, generate_series(s, s + 50) n
	UNION ALL SELECT chr(19968 + n * 97) || chr(44032 + n * 91) FROM generate_series(0, 100) n
	UNION ALL SELECT w FROM unnest('{ch,c,d,ll,l,m,dž,d,z,ö,oe,Öl,ol,aa,å,z,ij,IJ,ıI,iİ,ß,ss,ẞ,ΑΣ,ας,a1,a9,a10,co-op,coop,CO OP}'::text[]) w) w`

// TestCollations compares all of ICU's collations with those of Debian's native server, whose ICU has the version of
// wasm.lock: names, versions, comments, order, and the case of letters.
func TestCollations(t *testing.T) {
	p := newPlace(t)
	// What regions make of the words is left out: it takes minutes, and they were found equal.
	read := func(c *pgx.Conn) map[string]string {
		if _, err := c.Exec(context.Background(), collationSQL); err != nil {
			t.Fatal(err)
		}
		rows, err := c.Query(context.Background(), `SELECT collname, concat_ws(' ', collversion, colllocale, collisdeterministic, obj_description(oid, 'pg_collation'),
			CASE WHEN colllocale !~ '-[A-Z0-9]{2,3}$' THEN pg_temp.digest(collname) END)
			FROM pg_collation WHERE collprovider = 'i'`)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		var name, text string
		if _, err := pgx.ForEachRow(rows, []any{&name, &text}, func() error {
			all[name] = text
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	// The collations of each server are those that its own initdb has made.
	var ours, native map[string]string
	p.withOurs(t, func(c *pgx.Conn) { ours = read(c) })
	if err := os.RemoveAll(p.data()); err != nil {
		t.Fatal(err)
	}
	p.initdb(t, "--locale=C")
	p.withNative(t, func(c *pgx.Conn) { native = read(c) })
	differ := 0
	for name, want := range native {
		if got := ours[name]; got != want {
			if differ++; differ < 20 {
				t.Errorf("%s\n\tis %s,\n\tnatively %s", name, got, want)
			}
		}
	}
	t.Logf("%d collations natively, %d here, %d differ", len(native), len(ours), differ)
	if len(native) != len(ours) || len(native) < 800 {
		t.Errorf("%d collations natively, %d here", len(native), len(ours))
	}
}

// initdb makes a native cluster of UTF8.
func (p place) initdb(t *testing.T, args ...string) {
	t.Helper()
	if err := os.Mkdir(p.data(), 0o700); err != nil {
		t.Fatal(err)
	}
	p.own(t, nobody)
	pw := filepath.Join(p.dir, "pw")
	if err := os.WriteFile(pw, []byte(password), 0o644); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"-D", p.inside(p.data()), "-U", "postgres", "-A", "scram-sha-256", "--pwfile=" + p.inside(pw), "-E", "UTF8", "--data-checksums"}, args...)
	if out, err := p.native("initdb", args...).CombinedOutput(); err != nil {
		t.Fatalf("native initdb: %v\n%s", err, out)
	}
}

// TestICUDirectories moves clusters whose locale is ICU's, made by either, to the other and back.
func TestICUDirectories(t *testing.T) {
	const swedish = `CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
		CREATE TABLE names AS SELECT chr(n % 300 + 65) || md5(n::text) AS name, 'User ' || n AS login FROM generate_series(1, 3000) n;
		ALTER TABLE names ALTER login TYPE text COLLATE nocase;
		CREATE INDEX ON names (name); CREATE INDEX ON names (name COLLATE "de-x-icu"); CREATE UNIQUE INDEX ON names (login)`
	answer := func(c *pgx.Conn) (text string) {
		if _, err := c.Exec(context.Background(), "SET enable_seqscan = off"); err != nil {
			t.Fatal(err)
		}
		err := c.QueryRow(context.Background(), `SELECT concat_ws(' ', (SELECT md5(string_agg(name, ',')) FROM (SELECT name FROM names ORDER BY name) n),
			(SELECT md5(string_agg(name, ',')) FROM (SELECT name FROM names ORDER BY name COLLATE "de-x-icu") n),
			(SELECT login FROM names WHERE login = 'USER 77'), (SELECT datlocale FROM pg_database WHERE datname = current_database()),
			(SELECT count(bt_index_check(c.oid, true)::text) FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE c.relkind = 'i' AND a.amname = 'btree' AND c.relname LIKE 'names%'),
			(SELECT datcollversion = pg_database_collation_actual_version(oid) FROM pg_database WHERE datname = current_database()))`).Scan(&text)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	run := func(c *pgx.Conn, sql string) {
		t.Helper()
		if _, err := c.Exec(context.Background(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, who := range []string{"ours", "native"} {
		t.Run(who, func(t *testing.T) {
			p := newPlace(t)
			with, other := p.withOurs, p.withNative
			if who == "ours" {
				s, err := embeddedpg.Start(context.Background(), embeddedpg.Config{DataDir: p.data(), Password: password, LocaleProvider: "icu", Locale: "sv"})
				if err == nil {
					err = s.Close()
				}
				if err != nil {
					t.Fatal(err)
				}
			} else {
				p.initdb(t, "--locale-provider=icu", "--icu-locale=sv", "--locale=C.UTF-8")
				with, other = other, with
			}
			var want string
			with(t, func(c *pgx.Conn) {
				run(c, "CREATE EXTENSION amcheck")
				run(c, swedish)
				want = answer(c)
			})
			for range 2 {
				with, other = other, with
				with(t, func(c *pgx.Conn) {
					if got := answer(c); got != want {
						t.Errorf("%s, not %s", got, want)
					}
					run(c, "UPDATE names SET name = reverse(name) WHERE ctid < '(5,0)'")
					want = answer(c)
				})
			}
		})
	}
}
