// Command checkpostgres runs PostgreSQL's own test suites, the parallel regression schedule and the isolation
// schedule, against a server of this project. The programs that drive them, pg_regress and isolationtester, and
// psql are Debian's, run in a root directory that wasm/sidroot makes; the tests come from PostgreSQL's source.
//
// -tests runs only some of a suite's tests, as where each takes long (tests/suites.sh arm64).
//
// It exits with 0 only if every test of both schedules passes and their numbers are those of this release.
package main

import (
	"bufio"
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
	"strconv"
	"strings"
	"time"

	"nself.org/embeddedpg"
)

// suite is one of PostgreSQL's test schedules.
type suite struct {
	name    string
	driver  string // below the directory of pgxs
	sources string // below src/test of PostgreSQL's source
	// schedule names a file below sources.
	schedule string
	args     []string
	tests    int      // how many there are in this release
	names    []string // of the tests to run instead of the schedule
}

var suites = []suite{
	{
		name: "regress", driver: "src/test/regress/pg_regress", sources: "regress", tests: 231,
		schedule: "parallel_schedule", args: []string{"--max-connections=20", "--dlpath=/pgsql/lib"},
	},
	{
		name: "isolation", driver: "src/test/isolation/pg_isolation_regress", sources: "isolation", tests: 122,
		schedule: "isolation_schedule", args: []string{"--dbname=isolation_regression"},
	},
}

const pgxs = "/usr/lib/postgresql/18/lib/pgxs"

func main() {
	root := flag.String("root", "", "Debian root directory with postgresql-18, its client and server-dev packages")
	source := flag.String("source", "", "PostgreSQL 18 source tree")
	only := flag.String("only", "", "run only this suite: regress or isolation")
	tests := flag.String("tests", "", "run only these tests of the suite, by their names, in this order")
	keep := flag.String("keep", "", "directory that receives the results and diffs of a failed run")
	flag.Parse()
	if *root == "" || *source == "" {
		fmt.Fprintln(os.Stderr, "checkpostgres: -root and -source are required; `make check-postgres` sets them")
		os.Exit(2)
	}
	failed := false
	for _, s := range suites {
		if *only != "" && *only != s.name {
			continue
		}
		if *tests != "" {
			s.names = strings.Fields(*tests)
			s.tests = len(s.names)
		}
		if err := run(s, *root, *source, *keep); err != nil {
			fmt.Fprintf(os.Stderr, "checkpostgres: %s: %v\n", s.name, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// run starts a fresh server and runs one suite against it. The suite's files live in a directory of the Debian
// root, and the server sees it under the same name: some tests COPY from and to it. The name is the run's own, so
// that runs do not meet.
func run(s suite, root, source, keep string) (err error) {
	check, err := os.MkdirTemp(filepath.Join(root, "tmp"), "check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(check)
	guest := "/" + filepath.Base(check)
	link := filepath.Join(root, guest)
	if err := os.Symlink("/tmp"+guest, link); err != nil {
		return err
	}
	defer os.Remove(link)
	work := filepath.Join(check, s.name)
	if err := os.CopyFS(work, os.DirFS(filepath.Join(source, "src/test", s.sources))); err != nil {
		return err
	}
	sockets := filepath.Join(check, "s")

	config := embeddedpg.Config{
		DataDir:   filepath.Join(check, "pgdata"),
		SocketDir: sockets,
		Port:      5432,
		Mounts:    []embeddedpg.Mount{{Host: check, Guest: guest}},
		Settings:  map[string]string{"max_connections": "100", "fsync": "off"},
	}
	ctx := context.Background()
	if err := trustEverybody(ctx, config); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(work, "server.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	config.Log = slog.NewTextHandler(log, nil)
	server, err := embeddedpg.Start(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()

	dir := guest + "/" + s.name
	args := append([]string{
		root, filepath.Join(pgxs, s.driver), "--host=" + guest + "/s", "--port=5432", "--user=postgres",
		"--inputdir=" + dir, "--outputdir=" + dir, "--bindir=/usr/lib/postgresql/18/bin",
	}, s.args...)
	if s.names != nil {
		args = append(args, s.names...)
	} else {
		args = append(args, "--schedule="+dir+"/"+s.schedule)
	}
	cmd := exec.Command("chroot", args...)
	cmd.Env = append(os.Environ(), "PATH=/usr/lib/postgresql/18/bin:/usr/bin:/bin", "LC_ALL=C", "PGTZ=", "PGDATESTYLE=")
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(os.Stdout, &out)
	cmd.Stderr = os.Stderr
	start := time.Now()
	runErr := cmd.Run()
	passed := countPassed(&out)
	fmt.Printf("%s: %d of %d passed in %.1f s\n", s.name, passed, s.tests, time.Since(start).Seconds())
	if runErr == nil && passed == s.tests {
		return nil
	}
	if keep != "" {
		if err := os.CopyFS(filepath.Join(keep, s.name), os.DirFS(work)); err != nil {
			return err
		}
	}
	return fmt.Errorf("%d of %d tests passed: %w", passed, s.tests, errors.Join(runErr, errors.New("see the diffs (-keep DIR keeps them)")))
}

// trustEverybody makes the cluster and lets every role in without a password: the suites log in as roles that
// they make themselves.
func trustEverybody(ctx context.Context, config embeddedpg.Config) error {
	server, err := embeddedpg.Start(ctx, config)
	if err != nil {
		return err
	}
	if err := server.Close(); err != nil {
		return err
	}
	hba := "local all all trust\nlocal replication all trust\n"
	return os.WriteFile(filepath.Join(config.DataDir, "pg_hba.conf"), []byte(hba), 0o600)
}

var okLine = regexp.MustCompile(`^ok\s+(\d+)`)

// countPassed counts the distinct tests that a TAP report calls ok.
func countPassed(report io.Reader) int {
	ok := map[int]bool{}
	for lines := bufio.NewScanner(report); lines.Scan(); {
		if m := okLine.FindStringSubmatch(lines.Text()); m != nil {
			n, _ := strconv.Atoi(m[1])
			ok[n] = true
		}
	}
	return len(ok)
}
