package main

import "github.com/spf13/cobra"

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
