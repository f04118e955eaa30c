package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/branch"
	"nself.org/embeddedpg/cmd/nself/internal/schemadiff"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/pgclient"
)

func newDBDiff(p *project) *cobra.Command {
	return &cobra.Command{
		Use:   "diff A B",
		Short: "Show how two schemas differ, as a migration",
		Long: `Print the SQL that makes the schema of A that of B, to read and then to apply: to the standard output,
and nothing is changed. A and B are each a branch, a database of the present server, or the URL of a
database elsewhere. A branch that does not run is started for the time.

Both schemas are dumped, and made again in a temporary server of nself's own; there the migration is
planned, tried, and its result compared with B. What it does not reach is said at its end. What was
renamed is dropped and made anew. Owners are not compared, nor data, nor nself's own table of
migrations.`,
		Example: `  nself db diff main try
  nself db diff try main > migrations/0012_undo.sql
  PGPASSWORD=... nself db diff postgresql://app@db.example.org/app main`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: p.completeBranches,
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] == args[1] {
				return &embeddedpg.Error{Op: verb(cmd), Path: args[0], Err: errors.New("both are the same"), Hint: "name two: " + cmd.CommandPath() + " A B"}
			}
			return p.diff(cmd, args[0], args[1])
		},
	}
}

// diff prints the migration from one database's schema to another's.
func (p *project) diff(cmd *cobra.Command, from, to string) (err error) {
	ctx := cmd.Context()
	a, releaseA, err := p.side(ctx, from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, releaseA()) }()
	b, releaseB, err := p.side(ctx, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, releaseB()) }()
	d, err := newDiffing(cmd, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	var copies schemadiff.Copies
	if copies.From, copies.FromDB, _, err = d.copy(ctx, a, "present", shownSide(from)); err != nil {
		return err
	}
	if _, copies.WantedDB, copies.Wanted, err = d.copy(ctx, b, "wanted", shownSide(to)); err != nil {
		return err
	}
	copies.Dump = func(ctx context.Context) (string, error) { return d.dump(ctx, d.in("present")) }
	m, err := schemadiff.New(ctx, copies)
	if err != nil {
		return &embeddedpg.Error{Op: verb(cmd), Path: shownSide(from), Err: err, Hint: "compare the dumps: nself db dump FILE.sql -- --schema-only"}
	}
	return m.Write(cmd.OutOrStdout(), shownSide(from), shownSide(to))
}

// side reaches what an argument names; release ends what was started for it.
func (p *project) side(ctx context.Context, which string) (db database, release func() error, err error) {
	nothing := func() error { return nil }
	if strings.Contains(which, "://") {
		db, err := otherServer(which)
		return db, nothing, err
	}
	name := p.branch
	_, unknown := p.branches.Get(which)
	if unknown == nil || which == branch.Main {
		name = which
	}
	on := p.at(name)
	if !on.hasEmbedded() && (p.Embedded || !p.built()) {
		return db, nil, &embeddedpg.Error{Op: "read the schema of", Path: which, Err: errors.New("there is no database yet"), Hint: "start it once: nself start --embedded-pg --only postgres"}
	}
	progress := newProgress(os.Stderr)
	progress.brief = true
	if db, release, err = on.borrow(ctx, progress); err != nil || name == which {
		return db, release, err
	}
	c, err := db.in(which).connect(ctx)
	if err != nil {
		err = &embeddedpg.Error{Op: "read the schema of", Path: which, Err: errors.New("there is no branch and no database of this name"), Hint: "nself branch list and nself db list show them; another server's is given by its URL"}
		return db, nil, errors.Join(p.suggestBranch(which, err), release())
	}
	return db.in(which), release, c.Close(ctx)
}

// shownSide is an argument without its password.
func shownSide(which string) string {
	if i := strings.Index(which, "://"); i >= 0 {
		if at := strings.LastIndex(which, "@"); at > i {
			which = which[:i+3] + which[at+1:]
		}
		which, _, _ = strings.Cut(which, "?")
	}
	return which
}

// diffing is the server that both schemas are made in, and a directory for their dumps.
type diffing struct {
	database
	dir  string
	open []func() error // what close ends, from the last on
}

func newDiffing(cmd *cobra.Command, p *project) (*diffing, error) {
	dir, err := hostdir.MakeTemp("", "nself-diff-")
	if err != nil {
		return nil, err
	}
	d := &diffing{dir: dir.Path(), open: []func() error{dir.Remove}}
	paths, err := p.paths()
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	progress := newProgress(cmd.ErrOrStderr())
	progress.brief = true
	password := rand.Text()
	server, err := embeddedpg.Start(cmd.Context(), embeddedpg.Config{
		Password: password, Settings: freshSettings, ExtensionDirs: paths.Extensions(),
		Progress: func(e embeddedpg.Progress) { progress.show(supervisor.Event{Stage: e.Stage, Elapsed: e.Elapsed}) },
	})
	progress.end()
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	d.open = append(d.open, server.Close)
	d.database = embedded(supervisor.State{SocketDir: server.SocketDir(), Port: 5432, User: "postgres", Database: "postgres"}, password)
	return d, nil
}

func (d *diffing) close() error {
	var errs []error
	for _, end := range slices.Backward(d.open) {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

// copy makes a database with another's schema, and the roles that it may name.
func (d *diffing) copy(ctx context.Context, of database, as, shown string) (*pgx.Conn, *sql.DB, string, error) {
	text, err := d.dump(ctx, of)
	if err != nil {
		return nil, nil, "", err
	}
	roles, err := of.roles(ctx)
	if err != nil {
		return nil, nil, "", err
	}
	admin, err := d.connect(ctx)
	if err != nil {
		return nil, nil, "", err
	}
	defer admin.Close(context.WithoutCancel(ctx))
	known, err := d.roles(ctx)
	if err != nil {
		return nil, nil, "", err
	}
	for _, role := range roles {
		if slices.Contains(known, role) {
			continue
		}
		if _, err := admin.Exec(ctx, "CREATE ROLE "+pgx.Identifier{role}.Sanitize()); err != nil {
			return nil, nil, "", err
		}
	}
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+as+" TEMPLATE template0"); err != nil {
		return nil, nil, "", err
	}
	c, err := d.in(as).connect(ctx)
	if err != nil {
		return nil, nil, "", err
	}
	d.open = append(d.open, func() error { return c.Close(context.WithoutCancel(ctx)) })
	if err := schemadiff.Fill(ctx, c, text); err != nil {
		return nil, nil, "", &embeddedpg.Error{Op: "make a copy of the schema of", Path: shown, Err: err, Hint: "extensions that it uses have to be there: nself doctor, and docs/extension-modules.md"}
	}
	cfg, err := d.in(as).config()
	if err != nil {
		return nil, nil, "", err
	}
	pool := stdlib.OpenDB(*cfg)
	pool.SetMaxOpenConns(4)
	d.open = append(d.open, pool.Close)
	return c, pool, text, nil
}

// roles are the names of a server's roles that are not PostgreSQL's own.
func (d database) roles(ctx context.Context) ([]string, error) {
	c, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close(context.WithoutCancel(ctx))
	rows, err := c.Query(ctx, "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_'")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// dump returns a database's schema as pg_dump writes it.
func (d *diffing) dump(ctx context.Context, db database) (string, error) {
	file := filepath.Join(d.dir, "schema.sql")
	compile, compiled := compiling(os.Stderr)
	code, err := pgclient.Run(ctx, pgclient.Command{
		Name: "pg_dump", Env: db.server().Environment(), Library: true, Stderr: os.Stderr, Compile: compile, Compiled: compiled,
		Args: []string{"--schema-only", "--no-owner", "--no-subscriptions", "--exclude-schema=nself_ops", "--no-password", "--file=" + file},
	})
	if err == nil && code != 0 {
		err = fmt.Errorf("pg_dump ended with code %d; its message is above", code)
	}
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file)
	return string(text), err
}
