package backup

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// PruneOptions say which backups stay.
type PruneOptions struct {
	Dir       string        // "": the default
	Name      string        // whose backups; required
	Keep      int           // how many of the newest to keep, of each database's dumps and of the base backups; 0: no rule
	OlderThan time.Duration // only what is older is removed; 0: no rule
	DryRun    bool          // remove nothing
	Archive   string        // directory of archived WAL: what no physical backup needs any more is removed too
}

// Pruned is what Prune removed.
type Pruned struct {
	Backups  []Backup
	Partial  []string // leftovers of backups that were not completed
	Segments []string // archived WAL
	Damaged  []Backup // that were found and not removed
}

// Prune removes the backups that every given rule releases, and what interrupted backups left. Nothing else in the
// directory is touched. The newest good backup of each database, and of the cluster, stays in any case: before anything is
// removed its files are compared with their checksums. A damaged backup counts for nothing: it is removed once the
// rules release it, and enough good ones are newer.
func Prune(ctx context.Context, o PruneOptions) (Pruned, error) {
	var done Pruned
	dir, err := place(o.Dir)
	if err != nil {
		return done, err
	}
	if o.Keep < 0 || o.OlderThan < 0 {
		return done, &fault.Error{Op: "prune", Err: errors.New("a number is negative"), Hint: "give 0 for no rule"}
	}
	if o.Name == "" {
		return done, &fault.Error{Op: "prune", Err: errors.New("whose backups to remove is not said"), Hint: "give the name that they were made with"}
	}
	all, err := List(ctx, dir, o.Name)
	if err != nil {
		return done, err
	}
	gone, stay, err := o.divide(ctx, all)
	if err != nil {
		return done, err
	}
	for _, b := range gone {
		if !o.DryRun {
			if err := remove(dir, b); err != nil {
				return done, err
			}
		}
		done.Backups = append(done.Backups, b)
	}
	for _, b := range stay {
		if b.Damaged != nil {
			done.Damaged = append(done.Damaged, b)
		}
	}
	if done.Partial, err = prunePartial(dir, o); err != nil {
		return done, err
	}
	if o.Archive != "" {
		done.Segments, err = pruneArchive(o, stay)
	}
	return done, err
}

// divide says which of the backups, oldest first, are removed by the rules, newest first, and which stay.
func (o PruneOptions) divide(ctx context.Context, all []Backup) (gone, stay []Backup, err error) {
	if o.Keep == 0 && o.OlderThan == 0 {
		return nil, all, nil
	}
	const anyDump = "dump"
	good := map[string]int{} // newer ones than the backup at hand, by what they are of
	now := time.Now()
	for _, b := range slices.Backward(all) {
		of := anyDump + " of " + b.Database
		switch {
		case b.Format.Physical():
			of = "cluster"
		case b.Database == "": // its description is damaged
			of = anyDump
		}
		if b.Damaged == nil && good[of] == 0 {
			// The one that stays when all others are removed must be proved. A newer one that is not leaves its place.
			err := b.checkFiles(ctx, func(int64, int64) {})
			if err != nil && !errors.Is(err, ErrDamaged) {
				return nil, nil, err
			}
			b.Damaged = err
		}
		released := good[of] >= max(1, o.Keep) && now.Sub(b.Created) >= o.OlderThan
		if b.Damaged == nil {
			good[of]++
			if b.Database != "" {
				good[anyDump]++
			}
		}
		if released {
			gone = append(gone, b)
		} else {
			stay = append(stay, b)
		}
	}
	return gone, stay, nil
}

// remove takes the data away first, in one step, by the name that marks what is not complete.
func remove(dir string, b Backup) error {
	tmp := filepath.Join(dir, partialPrefix+b.ID)
	if err := os.Mkdir(tmp, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Of a damaged backup either may be missing.
	if err := os.Rename(b.Path, filepath.Join(tmp, "data")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Remove(filepath.Join(dir, b.ID+".json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	return hostdir.SyncPath(dir)
}

// prunePartial removes what was left by makers that have died: nobody holds its lock.
func prunePartial(dir string, o PruneOptions) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, e := range entries {
		id, ok := strings.CutPrefix(e.Name(), partialPrefix)
		if !ok || !e.IsDir() {
			continue
		}
		if b := fromID(dir, id); b == nil || b.Name != o.Name {
			continue
		}
		removed, err := removePartial(dir, id, o.DryRun)
		gone = append(gone, removed...)
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// removePartial removes one of them, and first the manifest whose data never got its name: alone it would be taken
// for that of a damaged backup. One that is being made stays.
func removePartial(dir, id string, dryRun bool) (gone []string, err error) {
	path := filepath.Join(dir, partialPrefix+id)
	lock, err := os.OpenFile(filepath.Join(path, partialLock), os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // complete meanwhile
	}
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := hostdir.TryLock(lock); errors.Is(err, hostdir.ErrLocked) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	manifest := filepath.Join(dir, id+".json")
	if b, err := readManifest(manifest); err == nil && b.ID == id {
		if _, err := os.Lstat(b.Path); errors.Is(err, fs.ErrNotExist) {
			if !dryRun {
				if err := os.Remove(manifest); err != nil {
					return nil, err
				}
			}
			gone = append(gone, manifest)
		}
	}
	if !dryRun {
		if err := os.RemoveAll(path); err != nil {
			return gone, err
		}
	}
	return append(gone, path), nil
}

// pruneArchive removes the segments before the first that any physical backup which stays needs. Without such a backup it
// removes nothing. Timelines do not count in the comparison, as in pg_archivecleanup.
func pruneArchive(o PruneOptions, stay []Backup) ([]string, error) {
	first := ""
	for _, b := range stay {
		if b.Format.Physical() && b.Base == nil {
			return nil, nil // what it needs is not known: its description is damaged
		}
		if b.Base != nil && len(b.Base.StartWAL) == walNameLen && (first == "" || b.Base.StartWAL[8:] < first) {
			first = b.Base.StartWAL[8:]
		}
	}
	if first == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(o.Archive)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, e := range entries {
		name := e.Name()
		if !e.Type().IsRegular() || !isWAL(name) || name[8:walNameLen] >= first {
			continue
		}
		if !o.DryRun {
			if err := os.Remove(filepath.Join(o.Archive, name)); err != nil {
				return gone, err
			}
		}
		gone = append(gone, name)
	}
	return gone, nil
}
