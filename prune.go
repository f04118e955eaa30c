package embeddedpg

import (
	"context"
	"time"

	"nself.org/embeddedpg/internal/backup"
)

// PruneOptions say which backups [PruneBackups] keeps.
type PruneOptions struct {
	Dir       string        // the directory; default .nself/backups in the home directory
	Name      string        // whose backups; required
	Keep      int           // how many of the newest to keep, of each database's dumps and of the base backups; 0: no rule
	OlderThan time.Duration // only what is older is removed; 0: no rule
	DryRun    bool          // tell what would be removed, and remove nothing; default: it is removed
	Archive   string        // Config.ArchiveDir: the log that no base backup needs any more is removed too; default none
}

// Pruned says what [PruneBackups] removed, or would.
type Pruned struct {
	Backups  []Backup // newest first
	Partial  []string // paths of what interrupted backups left
	Segments []string // file names of archived log
	Damaged  []Backup // those that were found and stay
}

// PruneBackups removes the backups that every given rule releases; none, without a rule. It also removes what interrupted backups of
// that name left. The newest good backup of each database, and of the cluster, always stays: its checksums are compared
// before anything is removed, which takes the time of reading it. A damaged backup does not count as one that is kept; it is
// removed as any other once enough good ones are newer. Without a Name it is an *Error; an error in between leaves the rest, and
// what was removed until then is returned with it.
func PruneBackups(ctx context.Context, o PruneOptions) (Pruned, error) {
	done, err := backup.Prune(ctx, backup.PruneOptions(o))
	own := Pruned{Partial: done.Partial, Segments: done.Segments}
	for i := range done.Backups {
		own.Backups = append(own.Backups, *newBackup(&done.Backups[i]))
	}
	for i := range done.Damaged {
		own.Damaged = append(own.Damaged, *newBackup(&done.Damaged[i]))
	}
	return own, public(err)
}
