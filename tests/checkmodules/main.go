// Command checkmodules runs the regression tests that extensions bring along, their installcheck, against a server
// of this project that loads them as side modules, or, where no directory with modules is given, has them built in. The programs that drive the tests are Debian's, run in the root
// directory that wasm/root.sh makes.
//
// It exits with 0 only if all tests of all extensions pass.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"nself.org/embeddedpg"
)

// needs are what some extensions want beyond being there.
var needs = map[string]struct {
	settings map[string]string
	make     []string
}{
	"pg_cron": {
		map[string]string{"shared_preload_libraries": "pg_cron"},
		[]string{"REGRESS_OPTS=--dbname=contrib_regression"}, // its own makes a server
	},
	"vector": {nil, []string{"OPTFLAGS="}},
}

func main() {
	root := flag.String("root", "", "Debian root directory with postgresql-18 and postgresql-server-dev-18")
	keep := flag.String("keep", "", "directory that receives the results and diffs of a failed run")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: checkmodules -root DIR [-keep DIR] NAME=SOURCE=[MODULES]...")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *root == "" || flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	failed := false
	for _, arg := range flag.Args() {
		part := strings.Split(arg, "=")
		if len(part) != 3 {
			flag.Usage()
			os.Exit(2)
		}
		if err := run(part[0], part[1], part[2], *root, *keep); err != nil {
			fmt.Fprintf(os.Stderr, "checkmodules: %s: %v\n", part[0], err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// run tests one extension: its source is in one directory, its modules, control and SQL files in another.
func run(name, source, modules, root, keep string) (err error) {
	check, err := os.MkdirTemp(filepath.Join(root, "tmp"), "check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(check)
	work := filepath.Join(check, "source")
	if err := os.CopyFS(work, os.DirFS(source)); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(work, "server.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	need, how, dirs := needs[name], "built in", []string(nil)
	if modules != "" {
		how, dirs = "as a side module", []string{modules}
	}
	server, err := embeddedpg.Start(context.Background(), embeddedpg.Config{
		SocketDir: filepath.Join(check, "s"), Password: "secret", Settings: need.settings,
		ExtensionDirs: dirs, Log: slog.NewTextHandler(log, nil),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()

	inside := "/tmp/" + filepath.Base(check)
	cmd := exec.Command("chroot", append([]string{root, "make", "-s", "-C", inside + "/source", "installcheck", "PG_CONFIG=/usr/bin/pg_config"}, need.make...)...)
	cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
		"PGHOST="+inside+"/s", "PGPORT=5432", "PGUSER=postgres", "PGPASSWORD=secret")
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(os.Stdout, &out)
	cmd.Stderr = os.Stderr
	begin := time.Now()
	runErr := cmd.Run()
	passed := allPassed.FindStringSubmatch(out.String())
	if runErr == nil && passed != nil {
		fmt.Printf("%s %s, %s: all %s passed in %.1f s\n", name, how, server.Engine(), passed[1], time.Since(begin).Seconds())
		return nil
	}
	if keep != "" {
		if err := os.CopyFS(filepath.Join(keep, name), os.DirFS(work)); err != nil {
			return err
		}
	}
	return fmt.Errorf("not all tests passed: %w", errors.Join(runErr, errors.New("see regression.diffs and server.log (-keep DIR keeps them)")))
}

// allPassed is what pg_regress says in the end.
var allPassed = regexp.MustCompile(`(?m)^# All (\d+) tests passed\.`)
