package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"
	"nself.org/embeddedpg/internal/pgclient"
)

// newPsql is the one of PostgreSQL's programs that nself's own help lists.
func newPsql(p *project) *cobra.Command {
	c := newProgram(p, "psql")
	c.Hidden, c.Short = false, "Run psql on the database"
	c.Long = `Run PostgreSQL's psql, which is part of nself, on the project's database, or on the one that the arguments name.
All arguments are psql's; host, port, user, database and password are preset. The exit code is psql's.`
	c.Example = `  nself psql
  nself psql -c 'SELECT 1'
  nself psql -f schema.sql -v ON_ERROR_STOP=1`
	return c
}

// tool runs one of PostgreSQL's client programs on the database, with this program's standard files. Its
// exit code, if not 0, is the error.
func (d database) tool(ctx context.Context, name string, args ...string) error {
	// Interrupts are the program's: they cancel a query and do not end nself.
	code, err := pgclient.Run(context.WithoutCancel(ctx), pgclient.Command{
		Name: name, Args: args, Env: d.environment(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Compile: compiling(os.Stderr),
	})
	if err != nil {
		return err
	}
	if code != 0 {
		return exitCode(code)
	}
	return nil
}
