package backup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// PruneOptions say which backups stay.
type PruneOptions struct {
	Dir       string        // "": the default
	Name      string        // whose backups; required
	Keep      int           // the newest of each kind, logical and physical, that stay in any case; 0: no rule
	OlderThan time.Duration // only what is older goes; 0: no rule
	DryRun    bool          // remove nothing
	Archive   string        // directory of archived WAL: what no physical backup needs any more goes too
}

// Pruned is what Prune removed.
type Pruned struct {
	Backups  []Backup
	Partial  []string // leftovers of backups that were not completed
	Segments []string // archived WAL
}

// Prune removes backups that the rules do not keep, and what interrupted backups left. Where both rules are given a
// backup goes only if both let it. Nothing else in the directory is touched.
func Prune(o PruneOptions) (Pruned, error) {
	var done Pruned
	dir, err := place(o.Dir)
	if err != nil {
		return done, err
	}
	if o.Keep < 0 || o.OlderThan < 0 {
		return done, &fault.Error{Op: "prune", Err: errors.New("a negative number")}
	}
	if o.Name == "" {
		return done, &fault.Error{Op: "prune", Err: errors.New("whose backups is not said")}
	}
	all, err := List(dir, o.Name)
	if err != nil {
		return done, err
	}
	var newer [2]int
	var stay []Backup
	now := time.Now()
	for i := len(all) - 1; i >= 0; i-- {
		b := all[i]
		kind := 0
		if b.Format.Physical() {
			kind = 1
		}
		newer[kind]++
		goes := o.Keep > 0 || o.OlderThan > 0
		if o.Keep > 0 && newer[kind] <= o.Keep || o.OlderThan > 0 && now.Sub(b.Created) < o.OlderThan {
			goes = false
		}
		if !goes {
			stay = append(stay, b)
			continue
		}
		if !o.DryRun {
			if err := remove(dir, b); err != nil {
				return done, err
			}
		}
		done.Backups = append(done.Backups, b)
	}
	if done.Partial, err = prunePartial(dir, o); err != nil {
		return done, err
	}
	if o.Archive != "" {
		done.Segments, err = pruneArchive(o, stay)
	}
	return done, err
}

// remove takes the data away first, in one step, by the name that marks what is not complete.
func remove(dir string, b Backup) error {
	tmp := filepath.Join(dir, partialPrefix+b.ID)
	if err := os.Mkdir(tmp, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Rename(b.Path, filepath.Join(tmp, "data")); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, b.ID+".json")); err != nil {
		return err
	}
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	return hostdir.SyncPath(dir)
}

// prunePartial removes what was left by makers that live no more: nobody holds its lock. It also removes manifests whose
// data never got its name.
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
		path := filepath.Join(dir, e.Name())
		id, isPartial := strings.CutPrefix(e.Name(), partialPrefix)
		switch {
		case isPartial && e.IsDir() && strings.HasPrefix(id, o.Name+"_"):
			lock, err := os.OpenFile(filepath.Join(path, partialLock), os.O_RDWR|os.O_CREATE, 0o600)
			if err != nil {
				return gone, err
			}
			err = hostdir.TryLock(lock)
			if err == nil && !o.DryRun {
				err = os.RemoveAll(path)
			}
			lock.Close()
			if errors.Is(err, hostdir.ErrLocked) {
				continue // it is being made
			}
			if err != nil {
				return gone, err
			}
		case e.Type().IsRegular() && strings.HasSuffix(e.Name(), ".json"):
			b, err := readManifest(path)
			if err != nil || b.Name != o.Name || b.ID+".json" != e.Name() {
				continue
			}
			_, dataErr := os.Lstat(b.Path)
			_, partialErr := os.Lstat(filepath.Join(dir, partialPrefix+b.ID))
			if !errors.Is(dataErr, fs.ErrNotExist) || !errors.Is(partialErr, fs.ErrNotExist) {
				continue // complete, or just being renamed
			}
			if !o.DryRun {
				if err := os.Remove(path); err != nil {
					return gone, err
				}
			}
		default:
			continue
		}
		gone = append(gone, path)
	}
	return gone, nil
}

// pruneArchive removes the segments before the first that any physical backup which stays needs. Without such a backup it
// removes nothing. Timelines do not count in the comparison, as in pg_archivecleanup.
func pruneArchive(o PruneOptions, stay []Backup) ([]string, error) {
	first := ""
	for _, b := range stay {
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
