package backup

import (
	"slices"
	"testing"
)

func TestICULocale(t *testing.T) {
	for libc, want := range map[string]string{
		"en_US.UTF-8": "en-US", "de_DE.utf8": "de-DE", "sr_RS@latin": "sr-Latn-RS", "de_DE.UTF-8@euro": "de-DE", "fil_PH": "fil-PH", "eo": "eo",
		"C": "", "POSIX": "", "C.UTF-8": "", "": "", "english": "",
	} {
		if got := ICULocale(libc); got != want {
			t.Errorf("%s: %q, not %q", libc, got, want)
		}
	}
}

// TestMapLocales: the lines are what pg_dump 18.6 writes.
func TestMapLocales(t *testing.T) {
	const script = `CREATE COLLATION public.german (provider = libc, locale = 'de_DE.utf8');
CREATE COLLATION public."Mixed" (provider = libc, lc_collate = 'sv_SE.UTF-8', lc_ctype = 'en_US.UTF-8');
CREATE COLLATION public.plain (provider = libc, locale = 'C');
CREATE COLLATION public.other (provider = icu, deterministic = false, locale = 'und-u-ks-level2');
CREATE TABLE public.t (
    a text COLLATE pg_catalog."en_US.utf8",
    b text COLLATE pg_catalog."C",
    c text COLLATE public.german DEFAULT 'COLLATE en_US'::text
);
CREATE INDEX i ON public.t USING btree (b COLLATE "sv_SE");
`
	const want = `CREATE COLLATION public.german (provider = icu, locale = 'de-DE');
CREATE COLLATION public."Mixed" (provider = icu, locale = 'sv-SE');
CREATE COLLATION public.plain (provider = libc, locale = 'C');
CREATE COLLATION public.other (provider = icu, deterministic = false, locale = 'und-u-ks-level2');
CREATE TABLE public.t (
    a text COLLATE pg_catalog."en-US-x-icu",
    b text COLLATE pg_catalog."C",
    c text COLLATE public.german DEFAULT 'COLLATE en_US'::text
);
CREATE INDEX i ON public.t USING btree (b COLLATE pg_catalog."sv-SE-x-icu");
`
	if got := mapLocales(script); got != want {
		t.Error(got)
	}
}

func TestWithLocale(t *testing.T) {
	builtin := []string{"ENCODING 'UTF8'", "LC_COLLATE 'C'", "LC_CTYPE 'C'", "CONNECTION LIMIT -1", "LOCALE_PROVIDER builtin", "BUILTIN_LOCALE 'C.UTF-8'"}
	want := []string{"ENCODING 'UTF8'", "LC_COLLATE 'C'", "LC_CTYPE 'C'", "CONNECTION LIMIT -1", "LOCALE_PROVIDER icu", "ICU_LOCALE 'de-DE'"}
	if got := withLocale(builtin, "de-DE"); !slices.Equal(got, want) {
		t.Error(got)
	}
	if got := withLocale(builtin, ""); !slices.Equal(got, builtin) {
		t.Error(got)
	}
}
