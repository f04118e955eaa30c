package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
)

func (b *backups) newVerify() *cobra.Command {
	remote := false
	c := &cobra.Command{
		Use:   "verify ID|latest|FILE",
		Short: "Prove a backup by restoring it into a temporary database",
		Long: `Prove a backup: compare its files with their checksums, restore it into a temporary database server,
and compare each table's number of rows and checksum with what the database held. The project's
database is not touched and need not run. It takes the time of a restore, and its room in the
directory for temporary files.

With --remote, one in the object store is read back and compared with what was sent; pull it to have
it restored.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: b.completeIDs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if remote {
				return b.verifyRemote(cmd, args[0])
			}
			found, err := b.find(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			own, err := public(cmd.Context(), found)
			if err != nil {
				return err
			}
			show := newBackupProgress(cmd.ErrOrStderr())
			v, err := embeddedpg.VerifyBackup(cmd.Context(), own, embeddedpg.VerifyBackupOptions{Progress: show.showPublic})
			show.end()
			if err != nil {
				return err
			}
			how := "it can be restored; there are no numbers to compare the tables with"
			if v.Compared {
				how = "each is as it was when the backup was made"
			} else if found.Format.Physical() {
				how = "the cluster recovers, and each can be read"
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Backup %s is good: %s, %s; %s.\n", found.ID, plural(v.Tables, "table"), plural(int(v.Rows), "row"), how)
			return nil
		},
	}
	remoteFlag(c, &remote)
	return c
}
