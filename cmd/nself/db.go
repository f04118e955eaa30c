package main

import (
	"github.com/spf13/cobra"
)

func newDB(p *project) *cobra.Command {
	c := &cobra.Command{
		Use:   "db",
		Short: "Migrate, fill, compare, dump, restore, reset and move the database",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(newDBShell(p), newDBList(p), newDBDiff(p), newDBMigrate(p), newDBSeed(p), newDBDump(p), newDBRestore(p), newDBReset(p), newDBImport(p), newDBMove(p))
	return c
}

func newDBShell(p *project) *cobra.Command {
	c := newPsql(p)
	c.Use = "shell [argument ...]"
	c.Short = "Run psql on the database; the same as nself psql"
	c.Example = "  nself db shell\n  nself db shell -c 'SELECT 1'"
	return c
}
