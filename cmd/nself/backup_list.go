package main

import (
	"cmp"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/internal/backup"
)

// listed is a backup as list --json shows it: without the SQL of roles.
type listed struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Tag      string    `json:"tag,omitempty"`
	Created  time.Time `json:"created"`
	Format   string    `json:"format"`
	Database string    `json:"database,omitempty"`
	Version  string    `json:"server_version"`
	Size     int64     `json:"size"`
	Path     string    `json:"path"`
	Damaged  string    `json:"damaged,omitempty"`
}

func (b *backups) newList() *cobra.Command {
	var all, remote bool
	var format string
	var asJSON *bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the backups, and which of them are damaged",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if remote {
				return b.listRemote(cmd.Context(), cmd.OutOrStdout(), *asJSON || format == "json")
			}
			dir, name, err := b.place()
			if err != nil {
				return err
			}
			if all {
				name = ""
			}
			found, err := backup.List(cmd.Context(), dir, name)
			if err != nil {
				return err
			}
			if *asJSON || format == "json" {
				list := []listed{}
				for _, f := range found {
					list = append(list, listed{f.ID, f.Name, f.Tag, f.Created, string(f.Format), f.Database, f.Version, f.Size, f.Path, damage(f)})
				}
				return printJSON(cmd.OutOrStdout(), list)
			}
			if len(found) == 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "No backups in %s.\n", dir)
				return nil
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "ID\tCREATED\tFORMAT\tDATABASE\tSIZE")
			for _, f := range found {
				if f.Damaged != nil {
					fmt.Fprintf(w, "%s\t%s\tdamaged: %s\n", f.ID, f.Created.Local().Format(time.DateTime), f.Damaged)
					continue
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", f.ID, f.Created.Local().Format(time.DateTime), f.Format, cmp.Or(f.Database, "all"), size(f.Size))
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&all, "all", false, "include other projects' backups")
	remoteFlag(c, &remote)
	asJSON = jsonFlag(c)
	choiceFlag(c, &format, "format", "table", "table or json", "table", "json")
	return c
}

// damage is why a backup cannot be used, "" if nothing is known to be wrong with it.
func damage(b backup.Backup) string {
	if b.Damaged == nil {
		return ""
	}
	return b.Damaged.Error()
}
