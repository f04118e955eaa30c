package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/ledger"
)

// migrateFlags are those of a run of migrations or seeds.
type migrateFlags struct {
	kind    ledger.Kind
	dir     string
	dryRun  bool
	steps   int
	lock    time.Duration
	execute time.Duration
	json    bool
}

// Limits of a migration's transaction: one that waits for a lock holds up all who come after it.
const (
	defaultLockTimeout      = 5 * time.Second
	defaultStatementTimeout = time.Minute
)

func newDBMigrate(p *project) *cobra.Command {
	f := &migrateFlags{kind: ledger.Migrations}
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Apply migrations: SQL files that make the schema",
		Long: `Apply the project's migrations that have not been applied yet, in the order of their numbers, each
in a transaction of its own. Alone it is migrate up.

They are looked for in hasura/migrations/default, hasura/migrations, db/migrations and migrations;
the first that exists has them. A migration is <number>_<name>.sql, or <number>_<name>.up.sql with
.down.sql, or a directory <number>_<name> with up.sql and down.sql, or with migration.sql. What was
applied is kept in the table nself_ops.migrations; a file that was changed after that is refused.

Files of goose, golang-migrate, dbmate, sql-migrate, tern and atlas are understood: up runs their up
half and down their down half, and their notes about transactions are followed. What is not
understood of them is refused. A dump written by nself db dump --format sql is a migration too.

In plain SQL, CREATE INDEX CONCURRENTLY, ALTER TYPE ... ADD VALUE and others that PostgreSQL refuses
in a transaction, and files with BEGIN and COMMIT of their own, run without one.`,
		Example: `  nself db migrate create add_users
  nself db migrate
  nself db migrate status
  nself db migrate down --steps 2`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.migrateUp(cmd, f) },
	}
	up := &cobra.Command{
		Use: "up", Aliases: []string{"apply"}, Short: "Apply what is pending", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.migrateUp(cmd, f) },
	}
	down := &cobra.Command{
		Use: "down", Short: "Undo the migration applied last, by its down file", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.migrateDown(cmd, f) },
	}
	status := &cobra.Command{
		Use: "status", Short: "List the migrations and whether they were applied", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.migrateStatus(cmd, f) },
	}
	create := &cobra.Command{
		Use: "create NAME", Short: "Make the empty files of a migration", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.migrateCreate(cmd, f, args[0]) },
	}
	f.add(c, "migration-dir", up, down)
	c.AddCommand(status, create)
	return c
}

// add gives a command its subcommands that change the database, and to it and them their flags.
func (f *migrateFlags) add(c *cobra.Command, dirFlag string, runs ...*cobra.Command) {
	c.AddCommand(runs...)
	c.PersistentFlags().StringVar(&f.dir, dirFlag, "", "the directory of the files")
	c.PersistentFlags().BoolVarP(&f.json, "json", "j", false, "print JSON")
	for _, run := range append(runs, c) {
		run.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be done, and do nothing")
		run.Flags().IntVar(&f.steps, "steps", 0, "at most this many files (default: all; of down: one)")
		run.Flags().DurationVar(&f.lock, "lock-timeout", defaultLockTimeout, "how long to wait for a lock; 0: no limit")
		run.Flags().DurationVar(&f.execute, "statement-timeout", defaultStatementTimeout, "how long a statement may take; 0: no limit")
	}
}

// open connects and finds the directory.
func (p *project) open(ctx context.Context, f *migrateFlags) (*pgx.Conn, string, error) {
	db, err := p.reach(ctx)
	if err != nil {
		return nil, "", err
	}
	dir := f.kind.Dir("", f.dir)
	if f.dir != "" {
		if _, err := os.Stat(dir); err != nil {
			return nil, "", &embeddedpg.Error{Op: "read the " + f.kind.Name + "s in", Path: dir, Err: plainPath(err), Hint: "give a directory that exists"}
		}
	}
	conn, err := db.connect(ctx)
	return conn, dir, err
}

// plainPath is the reason without the path, which the message has already.
func plainPath(err error) error {
	var e *os.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

func (p *project) migrateUp(cmd *cobra.Command, f *migrateFlags) error {
	return p.migrate(cmd, f, "applied", ledger.Pending, f.kind.Up)
}

func (p *project) migrateDown(cmd *cobra.Command, f *migrateFlags) error {
	return p.migrate(cmd, f, "undone", ledger.Applied, f.kind.Down)
}

// migrate runs up or down and tells of each file.
func (p *project) migrate(cmd *cobra.Command, f *migrateFlags, did string, concerns ledger.State, run func(context.Context, *pgx.Conn, string, ledger.Options) error) error {
	ctx := cmd.Context()
	conn, dir, err := p.open(ctx, f)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if f.dryRun {
		return f.wouldRun(cmd, conn, dir, concerns)
	}
	done := []ledger.Report{}
	err = run(ctx, conn, dir, ledger.Options{
		Steps: f.steps, LockTimeout: f.lock, StatementTimeout: f.execute,
		Done: func(r ledger.Report) {
			done = append(done, r)
			if !f.json {
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s (%s)%s\n", did, r.Path, r.Elapsed.Round(time.Millisecond), noTransaction(r.Outside))
			}
		},
	})
	if f.json {
		return errors.Join(printJSON(cmd.OutOrStdout(), done), err)
	}
	if err == nil && len(done) == 0 {
		f.nothing(cmd.OutOrStdout(), dir, concerns)
	}
	return err
}

func noTransaction(why string) string {
	if why == "" {
		return ""
	}
	return ", without a transaction: " + why
}

// nothing says why nothing is done.
func (f *migrateFlags) nothing(w io.Writer, dir string, concerns ledger.State) {
	if _, err := os.Stat(dir); err != nil {
		fmt.Fprintf(w, "Nothing to do: there is no directory %s.\n", dir)
		return
	}
	fmt.Fprintf(w, "Nothing to do: no %s in %s is %s.\n", f.kind.Name, dir, concerns)
}

// wouldRun is --dry-run.
func (f *migrateFlags) wouldRun(cmd *cobra.Command, conn *pgx.Conn, dir string, concerns ledger.State) error {
	steps, err := f.kind.Steps(cmd.Context(), conn, dir)
	if err != nil {
		return err
	}
	list := []ledger.Step{}
	for i := range steps {
		s := steps[i]
		if concerns == ledger.Applied { // newest first
			s = steps[len(steps)-1-i]
		}
		if s.State == concerns {
			list = append(list, s)
		}
	}
	n := f.steps
	if n == 0 && concerns == ledger.Applied {
		n = 1
	}
	if n > 0 {
		list = list[:min(n, len(list))]
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), list)
	}
	for _, s := range list {
		fmt.Fprintf(cmd.OutOrStdout(), "would run %s\n", s.Path)
	}
	if len(list) == 0 {
		f.nothing(cmd.OutOrStdout(), dir, concerns)
	}
	return nil
}

func (p *project) migrateStatus(cmd *cobra.Command, f *migrateFlags) error {
	conn, dir, err := p.open(cmd.Context(), f)
	if err != nil {
		return err
	}
	defer conn.Close(cmd.Context())
	steps, err := f.kind.Steps(cmd.Context(), conn, dir)
	if err != nil {
		return err
	}
	if f.json {
		if steps == nil {
			steps = []ledger.Step{}
		}
		return printJSON(cmd.OutOrStdout(), steps)
	}
	counts := map[ledger.State]int{}
	for _, s := range steps {
		counts[s.State]++
		when := ""
		if s.Applied != nil {
			when = s.Applied.Local().Format("2006-01-02 15:04:05")
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%-8s %-19s %s %s\n", s.State, when, s.Version, s.Name)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s in %s: %d applied, %d pending", plural(len(steps), f.kind.Name), dir, counts[ledger.Applied], counts[ledger.Pending])
	for _, state := range []ledger.State{ledger.Changed, ledger.Missing} {
		if counts[state] > 0 {
			fmt.Fprintf(cmd.OutOrStdout(), ", %d %s", counts[state], state)
		}
	}
	fmt.Fprintln(cmd.OutOrStdout())
	return nil
}

// migrateCreate makes the files in the form that the directory has.
func (p *project) migrateCreate(cmd *cobra.Command, f *migrateFlags, name string) error {
	slug := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "_"), "_")
	if slug == "" {
		return &embeddedpg.Error{Op: "name the migration", Path: name, Err: errors.New("nothing is left of it"), Hint: "use letters and digits"}
	}
	up, down, err := f.kind.Create(f.kind.Dir("", f.dir), slug)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(cmd.OutOrStdout(), map[string]string{"up": up, "down": down})
	}
	fmt.Fprintln(cmd.OutOrStdout(), up)
	if down != up {
		fmt.Fprintln(cmd.OutOrStdout(), down)
	}
	return nil
}
