package main

import (
	"github.com/spf13/cobra"
)

// newDBRestore is nself backup restore under the name that goes with db dump.
func newDBRestore(p *project) *cobra.Command {
	c := (&backups{project: p}).newRestore()
	c.Use = "restore FILE|ID|latest [-- arguments of pg_restore or psql]"
	c.Short = "Restore a dump or a backup; the same as nself backup restore"
	c.Example = `  nself db restore app_20260101_120000.dump
  nself db restore --yes app.sql
  nself db restore app.dump -- --no-owner --no-privileges   # if its roles are not here`
	return c
}
