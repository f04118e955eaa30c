// Command checkextensions creates every extension that the server has, and runs the tests that come with each,
// against a server of this project. pg_regress, pg_isolation_regress and psql are Debian's, run in a root directory
// that wasm/root.sh makes; the tests come from the sources that the extensions were built from.
//
// With -write it writes the outcome to docs/extensions.md. It exits with 0 only if every extension can be created and
// every test passes, save those in the table of exceptions, which must fail.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	var e environment
	flag.StringVar(&e.root, "root", "", "Debian root directory with postgresql-18, its client and server-dev packages, and make")
	flag.StringVar(&e.source, "source", "", "PostgreSQL 18 source tree, with pgvector's in contrib")
	flag.StringVar(&e.keep, "keep", "", "directory that receives the results and diffs of failed suites")
	only := flag.String("only", "", "run only this suite: a folder of contrib")
	write := flag.String("write", "", "file that receives the table: docs/extensions.md, or docs/depot.md")
	built := flag.String("depot", "", "test what extensions/build.sh has built in this folder, all or those of the arguments, and not what is built in")
	flag.Parse()
	if *built != "" {
		if err := checkDepot(context.Background(), &e, *built, *write, flag.Args()); err != nil {
			fmt.Fprintf(os.Stderr, "checkextensions: %v\n", err)
			os.Exit(1)
		}
		return
	}
	if e.root == "" || e.source == "" {
		fmt.Fprintln(os.Stderr, "checkextensions: -root and -source are required; `make check-extensions` sets them")
		os.Exit(2)
	}
	if err := check(context.Background(), &e, *only, *write); err != nil {
		fmt.Fprintf(os.Stderr, "checkextensions: %v\n", err)
		os.Exit(1)
	}
}

// checkDepot tests the depot, and writes its page.
func checkDepot(ctx context.Context, e *environment, built, write string, names []string) error {
	if err := e.prepare(ctx); err != nil {
		return err
	}
	defer e.remove()
	list, err := e.depot(ctx, "extensions", built, names)
	if err != nil {
		return err
	}
	var bad []string
	for _, o := range list {
		bad = append(bad, o.wrong()...)
	}
	if write != "" {
		if err := os.WriteFile(write, depotPage(list), 0o644); err != nil {
			return err
		}
	}
	if bad != nil {
		return fmt.Errorf("not as it should be:\n  %s", strings.Join(bad, "\n  "))
	}
	return nil
}

func check(ctx context.Context, e *environment, only, write string) error {
	if err := e.prepare(ctx); err != nil {
		return err
	}
	defer e.remove()
	extensions, err := e.createAll(ctx)
	if err != nil {
		return err
	}
	dirs, err := suiteDirs(e.source)
	if err != nil {
		return err
	}

	var suites []*suite
	var bad []string
	for _, x := range extensions {
		if x.failure != "" {
			bad = append(bad, fmt.Sprintf("CREATE EXTENSION %s: %s", x.name, x.failure))
		}
	}
	start := time.Now()
	total, passed := 0, 0
	for _, dir := range dirs {
		if only != "" && filepath.Base(dir) != only {
			continue
		}
		s, err := e.read(dir)
		if err != nil {
			return err
		}
		suites = append(suites, s)
		if !s.built(extensions) {
			continue
		}
		if err := e.run(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		total += s.tests()
		passed += s.tests() - len(s.failed)
		expected := exceptions[s.name]
		for _, test := range s.failed {
			if expected[test] == "" {
				bad = append(bad, s.name+": "+test+" fails")
			}
		}
		for test := range expected {
			if !slices.Contains(s.failed, test) {
				bad = append(bad, s.name+": "+test+" is in the table of exceptions and passes")
			}
		}
	}
	fmt.Printf("%d extensions, %d of %d tests passed in %.0f s\n", len(extensions), passed, total, time.Since(start).Seconds())
	if write != "" && only == "" {
		if err := os.WriteFile(write, page(extensions, suites), 0o644); err != nil {
			return err
		}
	}
	if bad != nil {
		return fmt.Errorf("not as it should be:\n  %s", strings.Join(bad, "\n  "))
	}
	return nil
}
