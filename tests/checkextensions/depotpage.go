package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"nself.org/embeddedpg/extensions/pack"
)

// unbuilt are extensions of the field that the depot does not have, with the reason.
var unbuilt = [][2]string{}

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
