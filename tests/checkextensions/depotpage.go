package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"nself.org/embeddedpg/extensions/pack"
)

// unbuilt are extensions of the field that the depot does not have, with the reason.
var unbuilt = [][2]string{
	{"pg_hint_plan, plpgsql_check, pg_ivm, wal2json, tdigest, orafce, pg_qualstats, pg_show_plans, pldebugger, pg_background, credcheck, pg_uuidv7, debversion, toastinfo, hll, roaringbitmap, pg_textsearch, pg_squeeze, pg_wait_sampling, pg_stat_kcache, timestamp9, tablelog, db2fce", "not tried: the archive did not have the version that its index names; a recipe is a few lines"},
	{"PostGIS, pgrouting, h3, pointcloud", "not tried yet: the libraries (GEOS, PROJ, Boost, libh3) are to be built first"},
	{"pljs, pllua, http, pgmp, timescaledb, age, pltcl", "not done yet: a library each, or a build that is not PGXS's"},
	{"pglogical", "its build makes a client program too; its tests were not looked at"},
	{"pg_statviz, pgl_ddl_deploy, pglogical_ticker", "the version in the archive is for an older PostgreSQL"},
	{"pg_sphere", "it declares a function with two types, and a call of it traps: 27 of its 31 tests fail; it takes a patch"},
	{"numeral", "cannot be created: a cast of it takes bigint for a type of another size"},
	{"unit", "its tables are data files, for which an extension's folder has no place yet"},
	{"q3c", "its build runs a program that it has compiled for the guest"},
	{"pgfincore, pgnodemx, plsh, prioritize", "they need what the kernel does not have: the page cache of the host, its /proc, other programs"},
	{"pg_graphql, pg_jsonschema, pgvectorscale, pg_search, plv8, citus", "Rust, V8, or several servers"},
}

// depotPage writes docs/depot.md.
func depotPage(list []*outcome) []byte {
	var b strings.Builder
	b.WriteString(`# The depot

Extensions that are built from Debian's source packages by the recipes in extensions/, for every system and
processor, and how their own tests do against our server. Written by ` + "`make check-depot`" + `. Those of the pack are in
nself and in the Go package extensions/pack; the others ` + "`extensions/build.sh NAME`" + ` builds.
[How to use them](extension-modules.md#extensions-that-are-ready).

| extension | version | language | licence | in the pack | preloaded | tests passed |
|---|---|---|---|---|---|---|
`)
	for _, o := range list {
		r := o.recipe
		packed, preload := "yes", ""
		if r.Dropped != "" {
			packed = "no: " + r.Dropped
		}
		if len(r.Preload) > 0 {
			preload = "yes"
		}
		names := o.suite.extensions
		if len(names) == 0 {
			names = []string{r.Name}
		}
		for _, name := range names {
			version, _, _ := strings.Cut(r.Version, "-")
			if e, ok := pack.Find(name); ok {
				version = e.Version
			}
			tests := o.count()
			switch {
			case o.failed[name]:
				tests = "cannot be created"
			case r.Untried != "":
				tests = "not run: " + r.Untried
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", name, version, r.Language, r.Licence, packed, preload, tests)
		}
	}
	section(&b, "Tests that fail", list, func(o *outcome) map[string]string { return o.recipe.Failing })
	section(&b, "Tests that are not run", list, func(o *outcome) map[string]string { return o.recipe.Skipped })
	b.WriteString("\nNot in the depot:\n\n| extension | reason |\n|---|---|\n")
	for _, u := range unbuilt {
		fmt.Fprintf(&b, "| %s | %s |\n", u[0], u[1])
	}
	return []byte(b.String())
}

// section writes a table of tests with reasons.
func section(b *strings.Builder, title string, list []*outcome, of func(*outcome) map[string]string) {
	var rows strings.Builder
	for _, o := range list {
		for _, test := range slices.Sorted(maps.Keys(of(o))) {
			fmt.Fprintf(&rows, "| %s | %s | %s |\n", o.recipe.Name, test, of(o)[test])
		}
	}
	if rows.Len() > 0 {
		fmt.Fprintf(b, "\n%s:\n\n| extension | test | reason |\n|---|---|---|\n%s", title, rows.String())
	}
}
