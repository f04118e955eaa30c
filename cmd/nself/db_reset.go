package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/cmd/nself/internal/ledger"
	"nself.org/embeddedpg/internal/backup"
)

func newDBReset(p *project) *cobra.Command {
	var yes, seed, discard bool
	c := &cobra.Command{
		Use:   "reset",
		Short: "Empty the database and apply the migrations again",
		Long: `Recreate the database: without its data, with the migrations applied, and with --seed the seeds. If
a migration fails the old database stays; if none makes anything, it is kept under another name.
Connections to it are ended. Its owner, settings and privileges are kept; other databases and roles
are not touched.`,
		Example: "  nself db reset --seed\n  nself db reset --yes",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			db, err := p.reach(ctx)
			if err != nil {
				return err
			}
			holds, err := backup.Holds(ctx, db.target(), db.name)
			if err != nil {
				return err
			}
			if err := confirm(cmd, yes, fmt.Sprintf("all data of the database %s (%s) will be lost", db.name, measured(holds))); err != nil {
				return err
			}
			kinds := []ledger.Kind{ledger.Migrations}
			if seed {
				kinds = append(kinds, ledger.Seeds)
			}
			done, err := backup.Replace(ctx, db.target(), backup.ReplaceOptions{Database: db.name, Discard: discard, Fill: func(ctx context.Context, next string) error {
				conn, err := db.in(next).connect(ctx)
				if err != nil {
					return err
				}
				defer conn.Close(context.WithoutCancel(ctx))
				if err := runAll(ctx, conn, next, p.bootstrap()); err != nil {
					return err
				}
				for _, kind := range kinds {
					err := kind.Up(ctx, conn, kind.Dir("", ""), ledger.Options{
						LockTimeout: defaultLockTimeout, StatementTimeout: defaultStatementTimeout,
						Done: func(r ledger.Report) {
							fmt.Fprintf(cmd.OutOrStdout(), "applied %s (%s)%s\n", r.Path, r.Elapsed.Round(time.Millisecond), noTransaction(r.Outside))
						},
					})
					if err != nil {
						return err
					}
				}
				return nil
			}})
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "The database %s is new: %s.\n  Before: %s\n", db.name, measured(done.After), measured(done.Before))
				tellKept(cmd.OutOrStdout(), done)
			}
			return err
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&discard, "discard-old", false, "drop the old database also where no migration made anything")
	c.Flags().BoolVar(&seed, "seed", false, "apply the seeds too")
	return c
}
