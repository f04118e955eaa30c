package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"
	"nself.org/embeddedpg/internal/client"
)

func newPsql(p *project) *cobra.Command {
	return &cobra.Command{
		Use:   "psql [argument ...]",
		Short: "Run psql on the database",
		Long: `Run PostgreSQL's psql, which is part of nself, on the project's database. All arguments are psql's;
host, port, user, database and password are preset. The exit code is psql's.`,
		Example: `  nself psql
  nself psql -c 'SELECT 1'
  nself psql -f schema.sql -v ON_ERROR_STOP=1`,
		DisableFlagParsing: true, // they are psql's
		RunE: func(cmd *cobra.Command, args []string) error {
			db, err := p.reach(cmd.Context())
			if err != nil {
				return err
			}
			return db.tool(cmd.Context(), "psql", args...)
		},
	}
}

// tool runs one of PostgreSQL's client programs on the database, with this program's standard files. Its
// exit code, if not 0, is the error.
func (d database) tool(ctx context.Context, name string, args ...string) error {
	// Interrupts are the program's: they cancel a query and do not end nself.
	code, err := client.Run(context.WithoutCancel(ctx), client.Command{
		Name: name, Args: args, Env: d.environment(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	if err != nil {
		return err
	}
	if code != 0 {
		return exitCode(code)
	}
	return nil
}
