package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/client"
	"nself.org/embeddedpg/internal/supervisor"
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
			paths, err := p.paths()
			if err != nil {
				return err
			}
			state, err := running(cmd.Context(), paths)
			if err != nil {
				return err
			}
			password, err := paths.Password()
			if err != nil {
				return err
			}
			// Interrupts are psql's: they cancel a query and do not end nself.
			code, err := client.Run(context.WithoutCancel(cmd.Context()), client.Command{
				Name: "psql", Args: args, Env: connection(state, password),
				Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
			})
			if err != nil {
				return err
			}
			if code != 0 {
				return exitCode(code)
			}
			return nil
		},
	}
}

// running returns the state of the database if it runs.
func running(ctx context.Context, paths supervisor.Paths) (supervisor.State, error) {
	s, err := supervisor.Find(ctx, paths)
	if err == nil && s.Phase != supervisor.Ready {
		err = &embeddedpg.Error{Op: "connect to the database of", Path: paths.Runtime, Err: errors.New("it does not run: " + string(s.Phase)), Hint: "start it: nself start --embedded-pg --only postgres"}
	}
	return s, err
}

// connection is libpq's environment for the database.
func connection(s supervisor.State, password string) map[string]string {
	return map[string]string{
		"PGHOST": s.SocketDir, "PGPORT": fmt.Sprint(s.Port), "PGUSER": s.User, "PGDATABASE": s.Database, "PGPASSWORD": password,
		"PGSSLMODE": "disable", "PGSERVICE": "", "PGHOSTADDR": "",
	}
}
