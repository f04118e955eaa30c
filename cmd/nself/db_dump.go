package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/pgclient"
)

func newDBDump(p *project) *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:     "dump [FILE] [-- pg_dump's arguments]",
		Aliases: []string{"backup"},
		Short:   "Write the database to a file",
		Long: `Write the database to a file by PostgreSQL's own pg_dump, which is part of nself. The file is whole
or not there, and readable by this user alone; - is standard output. It goes into PostgreSQL 18 or
later.

The custom format is compressed, and nself db restore and pg_restore read it; sql is a script. Roles
are not in it, nor the database's own settings and privileges: nself backup create keeps them, and
numbers to verify it by.`,
		Example: `  nself db dump                        # <database>_<time>.dump
  nself db dump --format sql - | gzip > data.sql.gz
  nself db dump schema.sql -- --schema-only`,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, rest, err := fileAndRest(cmd, args)
			if err != nil {
				return err
			}
			db, err := p.reach(cmd.Context())
			if err != nil {
				return err
			}
			if !cmd.Flags().Changed("format") && strings.HasSuffix(file, ".sql") {
				format = "sql"
			}
			if file == "" {
				ending := ".dump"
				if format == "sql" {
					ending = ".sql"
				}
				file = fmt.Sprintf("%s_%s%s", db.name, time.Now().Format("20060102_150405"), ending)
			}
			if err := db.dump(cmd.Context(), file, format, rest...); err != nil || file == "-" {
				return err
			}
			st, err := os.Stat(file)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s (%s)\n", file, size(st.Size()))
			return nil
		},
	}
	choiceFlag(c, &format, "format", "custom", "custom, or sql (the default for a name that ends in .sql)", "custom", "sql", "plain")
	return c
}

// fileAndRest takes one argument before -- and any after it.
func fileAndRest(cmd *cobra.Command, args []string) (file string, rest []string, err error) {
	n := cmd.ArgsLenAtDash()
	if n < 0 {
		n = len(args)
	}
	if n > 1 {
		return "", nil, &embeddedpg.Error{Op: verb(cmd), Err: fmt.Errorf("there are %d files", n), Hint: "give one; arguments of PostgreSQL's own program come after --"}
	}
	if n == 1 {
		file = args[0]
	}
	return file, args[n:], nil
}

// dump writes a file by pg_dump: whole, or not at all.
func (d database) dump(ctx context.Context, file, format string, args ...string) error {
	letter := map[string]string{"custom": "c", "sql": "p", "plain": "p"}[format]
	args = append([]string{"--format=" + letter, "--no-password"}, args...)
	if file == "-" {
		return d.dumper(ctx, args...)
	}
	bad := func(err error) error {
		return &embeddedpg.Error{Op: "write the dump", Path: file, Err: plainPath(err), Hint: "the directory must be there and writable, and its disk not full"}
	}
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".") // mode 0600
	if err != nil {
		return bad(err)
	}
	defer os.Remove(f.Name()) // fails after the rename
	if err := f.Close(); err != nil {
		return bad(err)
	}
	if err := d.dumper(ctx, append(args, "--file="+f.Name())...); err != nil {
		return err
	}
	if err := syncFile(f.Name()); err != nil {
		return bad(err)
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return bad(err)
	}
	return nil
}

// dumper runs pg_dump on the database. Its exit code, if not 0, is the error.
func (d database) dumper(ctx context.Context, args ...string) error {
	compile, compiled := compiling(os.Stderr)
	code, err := pgclient.Run(ctx, pgclient.Command{
		Name: "pg_dump", Args: args, Env: d.server().Environment(), Library: true, Stdout: os.Stdout, Stderr: os.Stderr, Compile: compile, Compiled: compiled,
	})
	if err == nil && code != 0 {
		d.tellFull(ctx, os.Stderr)
		err = exitCode(code)
	}
	return err
}

// syncFile has a file on the disk before it is given its name.
func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
