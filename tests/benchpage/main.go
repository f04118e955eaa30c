// Command benchpage measures this project's server, Debian's native PostgreSQL 18 and PGlite in turn on one machine,
// and writes docs/benchmarks.md with its pictures: losses are in it as they fall. `make benchmarks` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"nself.org/embeddedpg/tests/rivals"
)

// options are how long and how often things are run.
type options struct {
	seconds, rounds, scale, rows int
	only                         string
}

func main() {
	rivals.Serve()
	root := flag.String("root", "", "Debian root directory with postgresql-18 and its client package")
	npm := flag.String("npm", "", "directory with node_modules of PGlite; without it PGlite is left out")
	page := flag.String("page", "docs/benchmarks.md", "the page to write")
	var o options
	flag.IntVar(&o.seconds, "time", 4, "duration of one pgbench run in `seconds`")
	flag.IntVar(&o.rounds, "rounds", 3, "runs of each kind; the medians are shown")
	flag.IntVar(&o.scale, "scale", 10, "pgbench's scale factor")
	flag.IntVar(&o.rows, "rows", 300000, "rows that COPY moves")
	flag.StringVar(&o.only, "only", "", "measure only starts, transactions, copies, questions, memories or sizes")
	flag.Parse()
	if *root == "" {
		fmt.Fprintln(os.Stderr, "benchpage: -root is required; `make benchmarks` sets it")
		os.Exit(2)
	}
	if err := run(*root, *npm, *page, o); err != nil {
		fmt.Fprintln(os.Stderr, "benchpage:", err)
		os.Exit(1)
	}
}

// contestant is a way to start one of the servers.
type contestant struct {
	name  string
	start func(context.Context, rivals.Place) (*rivals.Server, error)
	one   bool // serves one session at a time
}

func run(root, npm, page string, o options) error {
	ctx := context.Background()
	work, remove, err := rivals.WorkDir(root)
	if err != nil {
		return err
	}
	defer remove()
	place := rivals.Place{Root: root, Work: work, NPM: npm}
	contestants := []contestant{{"embeddedpg", rivals.Ours, false}, {"native", rivals.Native, false}}
	if npm != "" {
		contestants = append(contestants, contestant{"PGlite", rivals.PGlite, true})
	}

	var tables []table
	for _, measure := range []struct {
		name string
		f    func(context.Context, rivals.Place, []contestant, options) (table, error)
	}{
		{"starts", starts},
		{"transactions", transactions},
		{"copies", copies},
		{"questions", questions},
		{"memories", memories},
		{"sizes", sizes},
	} {
		if !strings.Contains(measure.name, o.only) {
			continue
		}
		t, err := measure.f(ctx, place, contestants, o)
		if err != nil {
			return err
		}
		fmt.Print(t.markdown(), "\n")
		tables = append(tables, t)
	}
	return write(page, tables, rivals.Machine(), o)
}

// each runs f against every contestant's server, one after the other and each alone.
func each(ctx context.Context, p rivals.Place, all []contestant, f func(c contestant, s *rivals.Server) error) error {
	for _, c := range all {
		s, err := c.start(ctx, p)
		if err != nil {
			return err
		}
		err = f(c, s)
		if stopped := s.Stop(); err == nil {
			err = stopped
		}
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}
