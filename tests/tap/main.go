//go:build linux

// Command tap runs PostgreSQL's own tests in perl, the t/*.pl of its source tree, unchanged, against this project's programs
// (package program), and where it is asked to against Debian's. The ledger beside this file says of each test file what came
// of it; a run fails if a file that the ledger calls supported fails.
//
//	tap -root DIR -source DIR [-with all,server,native] [-update] [FILE...]
//
// A FILE is a path below the source, or the beginning of some: src/bin/psql.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

type options struct {
	root, source, program, ledger, keep, with string

	update, failing bool

	jobs    int
	timeout time.Duration
	files   []string
}

func main() {
	if os.Getenv(insideVariable) != "" {
		inside()
	}
	var o options
	flag.StringVar(&o.root, "root", "", "Debian root directory with postgresql-18, its server-dev package and libipc-run-perl")
	flag.StringVar(&o.source, "source", "", "directory whose src is PostgreSQL 18's source tree")
	flag.StringVar(&o.program, "program", "", "package program, built; \"\": it is built now")
	flag.StringVar(&o.ledger, "ledger", "tests/tap/ledger.md", "the ledger")
	flag.StringVar(&o.keep, "keep", "", "directory that receives the output and logs of files that fail")
	flag.StringVar(&o.with, "with", "all,server,shell", "whose programs: all (ours), and for files that fail with them server (ours, with Debian's clients) and shell (ours, with a server that can run command lines); native (all Debian's)")
	flag.BoolVar(&o.update, "update", false, "write what came of the files into the ledger; reasons stay")
	flag.BoolVar(&o.failing, "failing", false, "also run what the ledger calls unsupported or blocked")
	flag.IntVar(&o.jobs, "jobs", 1, "files at once")
	flag.DurationVar(&o.timeout, "timeout", 5*time.Minute, "for each file")
	flag.Parse()
	o.files = flag.Args()
	if o.root == "" || o.source == "" {
		fmt.Fprintln(os.Stderr, "tap: -root and -source are required; `tests/suites.sh tap` sets them")
		os.Exit(2)
	}
	for _, with := range strings.Split(o.with, ",") {
		if !slices.Contains([]string{withAll, withServer, withShell, withNative}, with) {
			fmt.Fprintf(os.Stderr, "tap: -with %s is none of all, server, shell, native\n", with)
			os.Exit(2)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "tap: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	old, err := readLedger(o.ledger)
	if err != nil {
		return err
	}
	files, err := testFiles(o.source, o.files)
	if err != nil {
		return err
	}
	places, err := newPlaces(ctx, o)
	if err != nil {
		return err
	}
	defer places.close()

	var group errgroup.Group
	group.SetLimit(max(o.jobs, 1))
	var mu sync.Mutex
	bad := 0
	for _, file := range files {
		if known := old[file]; !o.failing && !strings.Contains(o.with, withNative) && (known.status == unsupported || known.status == blocked) {
			continue
		}
		group.Go(func() error {
			e := judge(ctx, o, places, file, old[file])
			if ctx.Err() != nil {
				return ctx.Err()
			}
			mu.Lock()
			defer mu.Unlock()
			if e.worse(old[file]) {
				fmt.Printf("not in the ledger: %s %s\n", file, e.ours)
				bad++
			}
			old[file] = e.merged(old[file])
			if !o.update {
				return nil
			}
			return updateLedger(o.ledger, e)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	fmt.Println(old.summary())
	if bad > 0 {
		return fmt.Errorf("%d files failed that the ledger does not have as failing", bad)
	}
	return nil
}

// judge runs a file with the programs that were asked for, first those with which the ledger says that it passes, and prints
// a line for each run.
func judge(ctx context.Context, o options, places *places, file string, known entry) entry {
	e := entry{file: file}
	list := strings.Split(o.with, ",")
	if i := slices.Index(list, known.with); i > 0 && known.status == supported {
		list = append([]string{known.with}, slices.Delete(list, i, i+1)...)
	}
	for _, with := range list {
		done := e.ours.passed() || e.ours.skipped != ""
		if with != withNative && done || with == withShell && !asksForShell(o.source, file) {
			continue
		}
		r := places.test(ctx, with, file)
		if with == withNative {
			e.native = r
		} else if e.ours.with == "" || r.passed() || r.ok > e.ours.ok {
			e.ours = r
		}
		fmt.Printf("%-60s %-6s %s in %.1f s\n", file, with, r, r.took.Seconds())
	}
	return e
}

// shellWords are in files whose server is to run a command line.
var shellWords = regexp.MustCompile(`(?i)(archive|restore|_end|cleanup|passphrase)_command|has_archiving|has_restoring|to_shell|\bPROGRAM\b`)

func asksForShell(source, file string) bool {
	text, err := os.ReadFile(filepath.Join(source, "src", file))
	return err == nil && shellWords.Match(text)
}

// testFiles lists the test files below the source, those that begin with one of the given names if there are some.
func testFiles(source string, names []string) ([]string, error) {
	var files []string
	for _, pattern := range []string{"contrib/*/t/*.pl", "src/bin/*/t/*.pl", "src/interfaces/*/t/*.pl", "src/test/*/t/*.pl", "src/test/modules/*/t/*.pl"} {
		found, err := filepath.Glob(filepath.Join(source, "src", pattern))
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			name, err := filepath.Rel(filepath.Join(source, "src"), f)
			if err != nil {
				return nil, err
			}
			if wanted(name, names) {
				files = append(files, name)
			}
		}
	}
	if len(files) == 0 {
		return nil, errors.New("there are no such test files")
	}
	return files, nil
}

func wanted(file string, names []string) bool {
	for _, n := range names {
		if strings.HasPrefix(file, n) {
			return true
		}
	}
	return len(names) == 0
}
