package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
)

func newReload(p *project) *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Have the database read its configuration files again",
		Long: `Have the running database read postgresql.conf, pg_hba.conf and the TLS certificate again, without
ending a connection. A file with an error in it is not taken, and the error is told; so is a setting
that needs nself restart.`,
		Example: "  nself reload",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := p.reach(cmd.Context())
			if err != nil {
				return err
			}
			c, err := db.connect(cmd.Context())
			if err != nil {
				return explainRules(err)
			}
			defer c.Close(context.WithoutCancel(cmd.Context()))
			if err := wrongFiles(cmd.Context(), c); err != nil {
				return err
			}
			if err := reload(cmd.Context(), c); err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), "The configuration is read again.")
			waiting, err := textRows(cmd.Context(), c, "SELECT name FROM pg_settings WHERE pending_restart AND source <> 'command line' ORDER BY 1")
			if err == nil && len(waiting) > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "Only nself restart changes: %s\n", strings.Join(waiting, ", "))
			}
			return err
		},
	}
}

// reload returns when the server has read its files: it tells its sessions after that.
func reload(ctx context.Context, c *pgx.Conn) error {
	var before, now time.Time
	err := c.QueryRow(ctx, "SELECT pg_conf_load_time() FROM pg_reload_conf()").Scan(&before)
	for end := time.Now().Add(reloadPatience); err == nil && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err = c.QueryRow(ctx, "SELECT pg_conf_load_time()").Scan(&now); err == nil && now.After(before) {
			return nil
		}
	}
	if err == nil {
		err = &embeddedpg.Error{Op: "reload", Err: fmt.Errorf("the server has not read its files within %s", reloadPatience), Hint: "it does so when it comes to it; nself logs shows what it says of them"}
	}
	return err
}

// reloadPatience is how long a server may take to read its files.
const reloadPatience = 10 * time.Second

// wrongFiles says what is wrong in the configuration files as they are on the disk; the server keeps what it has then.
func wrongFiles(ctx context.Context, c *pgx.Conn) error {
	wrong, err := textRows(ctx, c, `SELECT sourcefile || ':' || sourceline || ': ' || coalesce(name || ': ', '') || error FROM pg_file_settings f
WHERE error IS NOT NULL AND NOT EXISTS (SELECT FROM pg_settings s WHERE s.name = lower(f.name) AND context = 'postmaster' AND error = 'setting could not be applied')
UNION ALL SELECT file_name || ':' || line_number || ': ' || error FROM pg_hba_file_rules WHERE error IS NOT NULL`)
	if err != nil || len(wrong) == 0 {
		return err
	}
	return &embeddedpg.Error{Op: "reload", Err: errors.New(strings.Join(wrong, "; ")), Hint: "correct the file; until then the server keeps the settings that it has"}
}

// explainRules says what to do where new sessions end because pg_hba.conf has an error: each session reads it itself
// (BackendInitialize in src/backend/tcop/backend_startup.c, under EXEC_BACKEND).
func explainRules(err error) error {
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == "XX000" && strings.Contains(e.Message, "pg_hba.conf") {
		return &embeddedpg.Error{Op: "reload", Path: "pg_hba.conf", Err: errors.New("it has an error, and nobody can connect until it is corrected"), Hint: "nself logs --level log -n 20 shows the line and what is wrong with it"}
	}
	return err
}

// textRows returns the rows of a query with one column of text.
func textRows(ctx context.Context, c *pgx.Conn, sql string) ([]string, error) {
	rows, err := c.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
