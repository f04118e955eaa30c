package main

import (
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
)

// listedDatabase is one line of db list.
type listedDatabase struct {
	Name        string `json:"name"`
	Owner       string `json:"owner"`
	Size        int64  `json:"size"` // bytes
	Connections int    `json:"connections"`
}

func newDBList(p *project) *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List the databases with their sizes",
		Args:  cobra.NoArgs,
	}
	asJSON := jsonFlag(c)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		db, err := p.reach(cmd.Context())
		if err != nil {
			return err
		}
		conn, err := db.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer conn.Close(cmd.Context())
		rows, err := conn.Query(cmd.Context(), `SELECT datname, pg_get_userbyid(datdba), pg_database_size(oid),
	(SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid AND pid <> pg_backend_pid())
FROM pg_database d WHERE datallowconn AND NOT datistemplate ORDER BY datname`)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[listedDatabase])
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), list)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%-30s %-20s %10s %s\n", "DATABASE", "OWNER", "SIZE", "CONNECTIONS")
		for _, d := range list {
			fmt.Fprintf(cmd.OutOrStdout(), "%-30s %-20s %10s %d\n", d.Name, d.Owner, size(d.Size), d.Connections)
		}
		return nil
	}
	return c
}
