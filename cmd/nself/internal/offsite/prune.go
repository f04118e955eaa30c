package offsite

import (
	"context"
	"slices"
	"time"

	"nself.org/embeddedpg/internal/backup"
)

// leftFor is how old what an upload has left must be: one that is under way is younger.
const leftFor = 24 * time.Hour

// Pruned says what Prune removed, or would.
type Pruned struct {
	IDs  []string // of backups, newest first
	Left int      // objects of uploads that did not come to their end
}

// Prune removes the backups that both rules release, and what interrupted uploads left a day ago. The newest of each database, and
// of the cluster, always stays, and is read back before anything is removed. Without a rule no backup is removed.
func (s *Store) Prune(ctx context.Context, k *Key, name string, keep int, olderThan time.Duration, dryRun bool, progress Progress) (done Pruned, err error) {
	all, loose, err := s.contents(ctx, name)
	if err != nil {
		return done, err
	}
	var gone []string
	if keep > 0 || olderThan > 0 {
		if gone, err = s.released(ctx, k, name, all, keep, olderThan, progress); err != nil {
			return done, err
		}
	}
	for _, id := range gone {
		if !dryRun {
			if err := s.removeBackup(ctx, name+"/"+id); err != nil {
				return done, err
			}
		}
		done.IDs = append(done.IDs, id)
	}
	for _, o := range loose {
		if time.Since(o.at) < leftFor {
			continue
		}
		if !dryRun {
			if err := s.remove(ctx, o.key); err != nil {
				return done, err
			}
		}
		done.Left++
	}
	return done, nil
}

// released returns the IDs of backups to remove.
func (s *Store) released(ctx context.Context, k *Key, name string, all []Listed, keep int, olderThan time.Duration, progress Progress) (gone []string, err error) {
	newer := map[string]int{} // that stay, by what they are of
	for _, l := range slices.Backward(all) {
		d, err := s.describe(ctx, k, name+"/"+l.ID)
		if err != nil {
			return nil, err
		}
		b, err := backup.ParseManifest(d.Manifest)
		if err != nil {
			return nil, err
		}
		of := "dump of " + b.Database
		if b.Format.Physical() {
			of = "cluster"
		}
		if newer[of] == 0 {
			if err := s.readBack(ctx, d, progress); err != nil {
				return nil, err
			}
		}
		if newer[of] >= max(1, keep) && time.Since(l.Created) >= olderThan {
			gone = append(gone, l.ID)
		} else {
			newer[of]++
		}
	}
	return gone, nil
}

// removeBackup removes the description first: from then on it is no backup.
func (s *Store) removeBackup(ctx context.Context, key string) error {
	objects, err := s.list(ctx, key+"/")
	if err != nil {
		return err
	}
	err = s.remove(ctx, key+".age")
	for _, o := range objects {
		if err == nil {
			err = s.remove(ctx, o.key)
		}
	}
	return err
}
