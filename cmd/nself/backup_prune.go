package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/backup"
)

func (b *backups) newPrune() *cobra.Command {
	var o backup.PruneOptions
	var older string
	var remote bool
	c := &cobra.Command{
		Use:   "prune",
		Short: "Remove old backups, and what interrupted ones left",
		Long: `Remove old backups of this project by the rules given, and what interrupted backups left. With both
rules, only backups that both release are removed; without one, only what interrupted backups left.
Archived log that no base backup needs any more is removed too.

The newest good backup of each database, and of the cluster, always stays: its files are compared
with their checksums first. Damaged backups are not counted as kept ones. If some are left the exit
code is 1.

With --remote, in the object store: the newest of each database, and of the cluster, is read back
before anything is removed, and what uploads left that were interrupted a day ago is removed.`,
		Example: `  nself backup prune --keep 7
  nself backup prune --older-than 30d --keep 3 --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Dir, o.Name, err = b.place(); err != nil {
				return err
			}
			if o.Archive, err = b.archiveDir(); err != nil {
				return err
			}
			if older != "" {
				if o.OlderThan, err = age("--older-than", older); err != nil {
					return err
				}
			}
			if remote {
				return b.pruneRemote(cmd, o)
			}
			done, err := backup.Prune(cmd.Context(), o)
			did := "Removed"
			if o.DryRun {
				did = "Would remove"
			}
			for _, x := range done.Backups {
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s (%s)\n", did, x.ID, size(x.Size))
			}
			for _, x := range done.Partial {
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s (incomplete)\n", did, x)
			}
			if n := len(done.Segments); n > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "%s %s of archived log\n", did, plural(n, "file"))
			}
			if len(done.Backups)+len(done.Partial)+len(done.Segments) == 0 && err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), "Nothing to remove.")
			}
			if n := len(done.Damaged); n > 0 && err == nil {
				worst := done.Damaged[0]
				err = &embeddedpg.Error{Op: verb(cmd), Path: worst.ID, Err: fmt.Errorf("%s left: %w", plural(n, "damaged backup"), worst.Damaged), Hint: "nself backup list shows them; make a new backup, and remove the damaged one when nothing in it is needed"}
			}
			return err
		},
	}
	remoteFlag(c, &remote)
	c.Flags().IntVar(&o.Keep, "keep", 0, "how many of the newest good backups to keep, of each database and of the cluster")
	c.Flags().StringVar(&older, "older-than", "", "remove only what is older: 30d, 12h")
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only say what would be removed")
	return c
}

// age reads a duration, in which a number with d means days.
func age(flag, s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n float64
		n, err = strconv.ParseFloat(days, 64)
		d = time.Duration(n * 24 * float64(time.Hour))
	}
	if err != nil || d <= 0 {
		return 0, &embeddedpg.Error{Op: "use " + flag, Path: s, Err: errors.New("it is not a length of time"), Hint: "write 30d, 12h or 90m"}
	}
	return d, nil
}
