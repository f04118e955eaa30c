package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// page writes docs/extensions.md.
func page(extensions []extension, suites []*suite) []byte {
	var b strings.Builder
	b.WriteString(`# Extensions

What the server has built in. Written by ` + "`make check-extensions`" + `, which creates each extension and runs the tests that come
with it (regression and isolation, against our server, with PostgreSQL's own drivers). Tests are counted once for all
the extensions of a folder.

| extension | version | CREATE EXTENSION | tests passed | what it is |
|---|---|---|---|---|
`)
	count := func(s *suite) string {
		if s.tests() == 0 {
			return "has none"
		}
		return fmt.Sprintf("%d of %d", s.tests()-len(s.failed), s.tests())
	}
	for _, x := range extensions {
		works, tests := "works", "has none"
		if x.failure != "" {
			works = "fails: " + x.failure
		}
		for _, s := range suites {
			if slices.Contains(s.extensions, x.name) {
				tests = count(s)
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", x.name, x.version, works, tests, x.comment)
	}
	b.WriteString("\nModules without an extension, named in a setting or loaded by the server:\n\n| module | tests passed |\n|---|---|\n")
	for _, s := range suites {
		if len(s.extensions) == 0 && absent[s.name] == "" && len(s.modules) > 0 {
			fmt.Fprintf(&b, "| %s | %s |\n", s.name, count(s))
		}
	}
	if len(exceptions) > 0 {
		b.WriteString("\nTests that fail:\n\n| folder | test | reason |\n|---|---|---|\n")
		for _, s := range slices.Sorted(maps.Keys(exceptions)) {
			for _, t := range slices.Sorted(maps.Keys(exceptions[s])) {
				fmt.Fprintf(&b, "| %s | %s | %s |\n", s, t, exceptions[s][t])
			}
		}
	}
	b.WriteString("\nOf PostgreSQL's contrib, these are not built:\n\n| folder | reason |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(absent)) {
		fmt.Fprintf(&b, "| %s | %s |\n", name, absent[name])
	}
	return []byte(b.String())
}
