package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/ledger"
)

func newDBSeed(p *project) *cobra.Command {
	f := &migrateFlags{kind: ledger.Seeds}
	c := &cobra.Command{
		Use:   "seed [FILE]",
		Short: "Apply seeds: SQL files that fill the database",
		Long: `Apply the project's seeds that have not been applied yet, by number where their names begin with
one, else by name, each in a transaction of its own; alone it is seed run. They are looked for in
hasura/seeds/default, hasura/seeds, db/seeds and seeds. Dumps in SQL, with the data of COPY, are
seeds too.

With a file, that one is run, whether or not it was before.`,
		Example: `  nself db seed
  nself db seed seeds/demo.sql
  nself db seed list`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return p.seedFile(cmd, f, args[0])
			}
			return p.migrateUp(cmd, f)
		},
	}
	run := &cobra.Command{
		Use: "run", Short: "Apply what is pending", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.migrateUp(cmd, f) },
	}
	list := &cobra.Command{
		Use: "list", Short: "List the seeds and whether they were applied", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.migrateStatus(cmd, f) },
	}
	verify := &cobra.Command{
		Use: "verify", Short: "Fail unless each seed was applied as it is now", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.seedVerify(cmd, f) },
	}
	f.add(c, "seed-dir", run)
	c.AddCommand(list, verify)
	return c
}

func (p *project) seedFile(cmd *cobra.Command, f *migrateFlags, path string) error {
	file, err := ledger.One(path)
	if err != nil {
		return &embeddedpg.Error{Op: "read the seed", Path: path, Err: plainPath(err), Hint: "give a file that exists, or none to apply all"}
	}
	conn, _, err := p.open(cmd.Context(), f)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(cmd.Context()))
	return f.kind.Apply(cmd.Context(), conn, file, ledger.Options{
		LockTimeout: f.lock, StatementTimeout: f.execute,
		Done: func(r ledger.Report) {
			fmt.Fprintf(cmd.OutOrStdout(), "applied %s (%s)%s\n", r.Path, r.Elapsed.Round(time.Millisecond), noTransaction(r.Outside))
		},
	})
}

func (p *project) seedVerify(cmd *cobra.Command, f *migrateFlags) error {
	conn, dir, err := p.open(cmd.Context(), f)
	if err != nil {
		return err
	}
	defer conn.Close(cmd.Context())
	steps, err := f.kind.Steps(cmd.Context(), conn, dir)
	if err != nil {
		return err
	}
	var bad []error
	for _, s := range steps {
		if s.State != ledger.Applied {
			bad = append(bad, fmt.Errorf("%s: %s", s.Version, s.State))
		}
	}
	if len(bad) > 0 {
		return errors.Join(bad...)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s in %s: all applied, none changed since\n", plural(len(steps), f.kind.Name), dir)
	return nil
}
