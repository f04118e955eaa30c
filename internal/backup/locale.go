package backup

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"nself.org/embeddedpg/internal/hostdir"
)

// A native server sorts by locales of its system's C library, by names such as en_US.UTF-8; ours has none of them but C's
// own, and ICU's collation of the same language.

// LacksLocale reports whether a restore failed because of such a locale.
func LacksLocale(err error) bool {
	return err != nil && (strings.Contains(err.Error(), `could not create locale "`) ||
		libcCollation().MatchString(err.Error()) && strings.Contains(err.Error(), "does not exist"))
}

// libcCollation is the name of a collation that initdb makes of a libc locale.
var libcCollation = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`collation "(pg_catalog\.)?` + libcName + `"`)
})

const libcName = `[a-z]{2,3}_[A-Z]{2}(?:\.[A-Za-z0-9-]+)?(?:@[A-Za-z]+)?`

// ICULocale returns the tag of a libc locale's language, "en-US" of en_US.UTF-8; "" where it has none, as C.
func ICULocale(libc string) string {
	name, modifier, _ := strings.Cut(libc, "@")
	name, _, _ = strings.Cut(name, ".")
	language, region, _ := strings.Cut(name, "_")
	if len(language) < 2 || len(language) > 3 || strings.Trim(language, "abcdefghijklmnopqrstuvwxyz") != "" {
		return ""
	}
	tag := language
	if script := map[string]string{"latin": "Latn", "cyrillic": "Cyrl", "devanagari": "Deva"}[strings.ToLower(modifier)]; script != "" {
		tag += "-" + script
	}
	if len(region) == 2 {
		tag += "-" + region
	}
	return tag
}

// What pg_dump writes of collations: a column's or an expression's, and the definition of one (dumpCollation in
// src/bin/pg_dump/pg_dump.c; versions before 15 write lc_collate and lc_ctype where they differ).
var (
	collateClause = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\bCOLLATE (?:pg_catalog\.)?"(` + libcName + `)"`)
	})
	createCollation = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?m)^(CREATE COLLATION .*) \(provider = libc, (?:deterministic = \w+, )?(?:locale|lc_collate) = '([^']*)'.*\);$`)
	})
)

// mapLocales puts ICU's collations in the place of libc's in a script of definitions.
func mapLocales(script string) string {
	script = collateClause().ReplaceAllStringFunc(script, func(clause string) string {
		return `COLLATE pg_catalog."` + ICULocale(collateClause().FindStringSubmatch(clause)[1]) + `-x-icu"`
	})
	return createCollation().ReplaceAllStringFunc(script, func(statement string) string {
		m := createCollation().FindStringSubmatch(statement)
		tag := ICULocale(m[2])
		if tag == "" {
			return statement // C and its like are here
		}
		return m[1] + " (provider = icu, locale = " + literal(tag) + ");"
	})
}

// fillMapped is fill of an archive with mapped locales: definitions by psql, data, and by psql the rest.
func (o RestoreOptions) fillMapped(ctx context.Context, t Target, next string) error {
	if err := o.section(ctx, t, next, "pre-data", func(script string) string { return mapLocales(withoutColumnVersions(script)) }); err != nil {
		return err
	}
	if err := o.archive(ctx, t, next, "--section=data"); err != nil {
		return err
	}
	return o.section(ctx, t, next, "post-data", mapLocales)
}

// section restores a section of an archive as a script, which change may change.
func (o RestoreOptions) section(ctx context.Context, t Target, next, section string, change func(string) string) error {
	tmp, err := hostdir.MakeTemp("", "embeddedpg-restore-")
	if err != nil {
		return err
	}
	defer tmp.Remove()
	script := filepath.Join(tmp.Path(), "definitions.sql")
	args := append([]string{"--section=" + section, "--no-tablespaces", "--file=" + script}, o.Args...)
	if err := t.run(ctx, next, nil, "pg_restore", append(args, o.Backup.Path)...); err != nil {
		return err
	}
	text, err := os.ReadFile(script)
	if err != nil {
		return err
	}
	if err := os.WriteFile(script, []byte(change(string(text))), 0o600); err != nil {
		return err
	}
	return t.script(ctx, next, script)
}

// withLocale returns options of CREATE DATABASE with a locale of ICU in the place of theirs; "": as they are.
func withLocale(options []string, locale string) []string {
	if locale == "" {
		return options
	}
	options = slices.DeleteFunc(slices.Clone(options), func(o string) bool {
		return strings.Contains(o, "LOCALE") || strings.HasPrefix(o, "ICU_RULES ")
	})
	return append(options, "LOCALE_PROVIDER icu", "ICU_LOCALE "+literal(locale))
}

// LibcLocale returns the tag of ICU's for the locale by which a database sorts, if that is libc's and of a language; else "".
func LibcLocale(ctx context.Context, t Target, database string) (string, error) {
	s, err := t.connect(ctx, database)
	if err != nil {
		return "", err
	}
	defer s.close()
	name, err := s.one(ctx, `SELECT CASE WHEN coalesce(pg_catalog.to_jsonb(d)->>'datlocprovider', 'c') = 'c' THEN datcollate ELSE '' END
		FROM pg_catalog.pg_database d WHERE datname = pg_catalog.current_database()`)
	return ICULocale(name), err
}
