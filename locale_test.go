package embeddedpg_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg"
)

// TestICU uses what ICU gives to any database, in one whose own locale is the default.
func TestICU(t *testing.T) {
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	c := connect(t, s)
	exec(t, c, "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
	exec(t, c, "CREATE COLLATION numeric (provider = icu, locale = 'en-u-kn-true')")
	exec(t, c, "CREATE COLLATION rules (provider = icu, locale = 'und', rules = '&a < g')")
	for sql, want := range map[string]string{
		// Words whose place differs: Swedish has ö behind z, German dictionaries beside o, Chinese by pinyin.
		`SELECT string_agg(w, ' ' ORDER BY w COLLATE "sv-x-icu") FROM unnest('{Öl,Zebra,Ast,ol}'::text[]) w`: "Ast ol Zebra Öl",
		`SELECT string_agg(w, ' ' ORDER BY w COLLATE "de-x-icu") FROM unnest('{Öl,Zebra,Ast,ol}'::text[]) w`: "Ast ol Öl Zebra",
		`SELECT string_agg(w, '' ORDER BY w COLLATE "zh-x-icu") FROM unnest('{中,国,人,大}'::text[]) w`:          "大国人中",
		`SELECT string_agg(w, ' ' ORDER BY w COLLATE numeric) FROM unnest('{a10,a9,a1}'::text[]) w`:          "a1 a9 a10",
		`SELECT string_agg(w, '' ORDER BY w COLLATE rules) FROM unnest('{b,g,a,z}'::text[]) w`:               "agbz",
		`SELECT ('Ärger' = 'ÄRGER' COLLATE nocase)::text || ('é' = 'É' COLLATE nocase)`:                      "truetrue",
		`SELECT upper('ilık' COLLATE "tr-x-icu")`:                                                            "İLIK",
		`SELECT lower('ΑΣ' COLLATE "el-x-icu")`:                                                              "ας",
		`SELECT initcap('ĳsland and o''neil' COLLATE "nl-x-icu")`:                                            "Ĳsland And O'neil",
		`SELECT casefold('Straße' COLLATE "de-x-icu")`:                                                       "strasse",
		`SELECT (count(*) > 800)::text FROM pg_collation WHERE collprovider = 'i'`:                           "true",
		`SELECT obj_description(oid) FROM pg_collation WHERE collname = 'de-AT-x-icu'`:                       "German (Austria)",
	} {
		if got := one[string](t, c, sql); got != want {
			t.Errorf("%s: %q, not %q", sql, got, want)
		}
	}
	exec(t, c, "CREATE TABLE users (name text COLLATE nocase UNIQUE)")
	exec(t, c, "INSERT INTO users VALUES ('Änne')")
	var refusal *pgconn.PgError
	if _, err := c.Exec(testContext(t), "INSERT INTO users VALUES ('änne')"); !errors.As(err, &refusal) || refusal.Code != "23505" {
		t.Errorf("a name that differs by case alone: %v", err)
	}
	for _, encoding := range []string{"LATIN1", "WIN1252", "KOI8R", "EUC_JP", "EUC_KR"} {
		exec(t, c, "CREATE DATABASE "+encoding+" TEMPLATE template0 ENCODING "+encoding+" LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'sv'")
	}
	exec(t, c, "CREATE DATABASE swedish TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'sv'")
	for database, words := range map[string]string{"swedish": "Zebra Öl", "latin1": "Zebra Öl", "win1252": "Zebra Öl", "koi8r": "Zebra ад", "euc_jp": "Zebra 日本", "euc_kr": "Zebra 한국"} {
		c, err := pgx.Connect(testContext(t), s.ConnString(database))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background())
		exec(t, c, "SET client_encoding = UTF8")
		exec(t, c, "CREATE TABLE w (w text); CREATE INDEX ON w (w)")
		for _, w := range slices.Backward(strings.Fields(words)) {
			exec(t, c, "INSERT INTO w VALUES ('"+w+"')")
		}
		if got := one[string](t, c, "SELECT string_agg(w, ' ' ORDER BY w) FROM w"); got != words {
			t.Errorf("%s: %q, not %q", database, got, words)
		}
	}
}

func TestLocale(t *testing.T) {
	for _, tt := range []struct{ provider, locale, want string }{
		{"", "PG_UNICODE_FAST", "b PG_UNICODE_FAST"},
		{"icu", "sv-SE", "i sv-SE"},
	} {
		dir := t.TempDir()
		s := start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword, Database: "app", LocaleProvider: tt.provider, Locale: tt.locale})
		c := connect(t, s)
		for _, database := range []string{"app", "postgres", "template0"} {
			got := one[string](t, c, "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = '"+database+"'")
			if got != tt.want {
				t.Errorf("%s of a cluster with %s and %s: %q", database, tt.provider, tt.locale, got)
			}
		}
		if want := "Zebra Öl"; one[string](t, c, "SELECT string_agg(w, ' ' ORDER BY w) FROM unnest('{Öl,Zebra}'::text[]) w") != want {
			t.Error("the words are not sorted so: " + want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		// An existing cluster keeps its locale.
		s = start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword, Database: "app"})
		if got := one[string](t, connect(t, s), "SELECT datlocprovider::text || ' ' || datlocale FROM pg_database WHERE datname = 'app'"); got != tt.want {
			t.Errorf("after another start: %q", got)
		}
	}
}

func TestLocaleRefused(t *testing.T) {
	for _, tt := range []struct{ provider, locale, word string }{
		{"", "de_DE.UTF-8", "Locale"},
		{"builtin", "de", "Locale"},
		{"libc", "C", "LocaleProvider"},
		{"icu", "", "Locale"},
		{"icu", "de DE", "Locale"},
	} {
		refused(t, embeddedpg.Config{LocaleProvider: tt.provider, Locale: tt.locale}, "Config."+tt.word)
	}
	refused(t, embeddedpg.Config{LocaleProvider: "icu", Locale: "xyzzy"}, "xyzzy")
}
