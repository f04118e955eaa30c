// Command train runs what the profile of the native code is made from (wasm/profile.sh): a new
// cluster, PostgreSQL's regression tests, the loops beside this file, pgbench, dumps and restores.
// It is not what the project's benchmarks measure.
//
// Server and programs run in this one process, from images with counters (EMBEDDEDPG_NATIVE names
// their folder); at the end the counters are read out of its memory, and a profile of each module
// is written.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"nself.org/embeddedpg"
)

func main() {
	source := flag.String("source", "", "PostgreSQL 18 source `tree` with src/test/regress")
	loops := flag.String("loops", "tests/train", "`folder` of the loops, *.sql")
	out := flag.String("out", "", "`folder` for the profiles")
	flag.Parse()
	if *source == "" || *out == "" {
		flag.Usage()
		os.Exit(2)
	}
	t := &training{images: os.Getenv("EMBEDDEDPG_NATIVE"), out: *out}
	if err := t.run(context.Background(), *source, *loops); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

type training struct {
	images, out string
	dir         string // of the run: data, socket, the regression tests; the same path for server and programs
	log         *os.File
	programs    *programRunner
}

const database = "regression"

func (t *training) run(ctx context.Context, source, loops string) (err error) {
	if t.dir, err = os.MkdirTemp("", "train"); err != nil {
		return err
	}
	defer os.RemoveAll(t.dir)
	if t.log, err = os.Create(filepath.Join(t.out, "programs.log")); err != nil {
		return err
	}
	defer t.log.Close()
	tests := filepath.Join(t.dir, "regress")
	if err := os.CopyFS(tests, os.DirFS(filepath.Join(source, "src/test/regress"))); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(tests, "results"), 0o700); err != nil {
		return err
	}
	if t.programs, err = newProgramRunner(ctx); err != nil {
		return err
	}
	defer t.programs.engine.Close()
	if err := t.must(ctx, "initdb", "-D", filepath.Join(t.dir, "scratch"), "-U", "postgres", "--no-sync"); err != nil {
		return err
	}
	t.step("new cluster")
	config := embeddedpg.Config{
		DataDir: filepath.Join(t.dir, "pgdata"), SocketDir: t.dir, Port: 5432,
		Mounts:   []embeddedpg.Mount{{Host: t.dir, Guest: t.dir}},
		Settings: map[string]string{"fsync": "off", "max_connections": "40"},
	}
	if err := trustEverybody(ctx, config); err != nil {
		return err
	}
	server, err := embeddedpg.Start(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	if err := t.train(ctx, tests, loops); err != nil {
		return err
	}
	t.step("counters")
	return writeProfiles(t.images, t.out)
}

// trustEverybody makes the cluster and lets every role in without a password: the tests log in as
// roles that they make themselves.
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

func (t *training) train(ctx context.Context, tests, loops string) error {
	for _, f := range []func(context.Context) error{
		func(ctx context.Context) error { return t.regress(ctx, tests) },
		func(ctx context.Context) error { return t.loops(ctx, loops) },
		t.pgbench,
		t.dump,
	} {
		if err := f(ctx); err != nil {
			return err
		}
	}
	return nil
}

var begin = time.Now()

func (t *training) step(what string) {
	fmt.Printf("%6.1f s  %s\n", time.Since(begin).Seconds(), what)
}

// program runs one of pgtools. The exit code is the caller's to judge.
func (t *training) program(ctx context.Context, stdin *os.File, env map[string]string, name string, args ...string) (int, error) {
	all := map[string]string{"PGHOST": t.dir, "PGPORT": "5432", "PGUSER": "postgres", "PGDATABASE": database}
	for k, v := range env {
		all[k] = v
	}
	if stdin == nil {
		var err error
		if stdin, err = os.Open(os.DevNull); err != nil {
			return 0, err
		}
		defer stdin.Close()
	}
	return t.programs.run(ctx, stdin, t.log, all, name, args)
}

// must runs a program that has to succeed.
func (t *training) must(ctx context.Context, name string, args ...string) error {
	t.step(name + " " + strings.Join(args, " "))
	code, err := t.program(ctx, nil, nil, name, args...)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d", code)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

var scheduled = regexp.MustCompile(`(?m)^test: (.*)$`)

// regress runs the tests of the parallel schedule one after the other. What they answer is the
// business of tests/suites.sh: here they need only run, and those that want the C functions of
// PostgreSQL's regress.so fail in part.
func (t *training) regress(ctx context.Context, tests string) error {
	schedule, err := os.ReadFile(filepath.Join(tests, "parallel_schedule"))
	if err != nil {
		return err
	}
	if err := t.must(ctx, "createdb", "-T", "template0", "-E", "UTF8", "--locale=C", database); err != nil {
		return err
	}
	t.step("regression tests")
	env := map[string]string{
		"PG_ABS_SRCDIR": tests, "PG_ABS_BUILDDIR": tests, "PG_LIBDIR": "/pgsql/lib", "PG_DLSUFFIX": ".so",
		"PGTZ": "America/Los_Angeles", "PGDATESTYLE": "Postgres, MDY",
	}
	for _, line := range scheduled.FindAllStringSubmatch(string(schedule), -1) {
		for _, name := range strings.Fields(line[1]) {
			sql, err := os.Open(filepath.Join(tests, "sql", name+".sql"))
			if err != nil {
				return err
			}
			_, err = t.program(ctx, sql, env, "psql", "-X", "-a", "-q", "-v", "HIDE_TABLEAM=on", "-v", "HIDE_TOAST_COMPRESSION=on")
			sql.Close()
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func (t *training) loops(ctx context.Context, folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.sql"))
	if err != nil {
		return err
	}
	if err := t.must(ctx, "createdb", "loops"); err != nil {
		return err
	}
	for _, f := range files {
		if err := t.must(ctx, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "dir="+t.dir, "-d", "loops", "-f", f); err != nil {
			return err
		}
	}
	return nil
}

func (t *training) pgbench(ctx context.Context) error {
	for _, args := range [][]string{
		{"-i", "-q", "-s", "2"},
		{"-n", "-t", "6000", "-c", "1"},
		{"-n", "-t", "6000", "-c", "1", "-M", "prepared"},
		{"-n", "-t", "1500", "-c", "4", "-M", "extended"},
		{"-n", "-S", "-t", "20000", "-c", "1"},
		{"-n", "-S", "-t", "20000", "-c", "1", "-M", "prepared"},
		{"-n", "-N", "-t", "1500", "-c", "4"},
	} {
		if err := t.must(ctx, "pgbench", append(args, "loops")...); err != nil {
			return err
		}
	}
	return nil
}

// dump dumps and restores what is there by now, in each format.
func (t *training) dump(ctx context.Context) error {
	plain, custom, dir := filepath.Join(t.dir, "plain.sql"), filepath.Join(t.dir, "custom"), filepath.Join(t.dir, "directory")
	for _, c := range [][]string{
		{"pg_dump", "-f", plain, "loops"},
		{"createdb", "plain"},
		{"psql", "-X", "-q", "-d", "plain", "-f", plain},
		{"pg_dump", "-Fc", "-f", custom, "loops"},
		{"createdb", "custom"},
		{"pg_restore", "-d", "custom", custom},
		{"pg_dump", "-Fd", "-Z", "zstd", "-f", dir, "loops"},
		{"pg_dump", "-f", filepath.Join(t.dir, "regression.sql"), database},
		{"pg_dumpall", "-g", "-f", filepath.Join(t.dir, "globals.sql")},
		{"vacuumdb", "-z", "loops"},
		{"reindexdb", "loops"},
		{"pg_basebackup", "-D", filepath.Join(t.dir, "backup"), "-c", "fast"},
		{"pg_verifybackup", "-n", filepath.Join(t.dir, "backup")},
	} {
		if err := t.must(ctx, c[0], c[1:]...); err != nil {
			return err
		}
	}
	return nil
}
