package offsite

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/fault"
)

// Listed is a backup in a store, as far as that is known without the key.
type Listed struct {
	ID      string
	Name    string
	Created time.Time
	Size    int64 // of its objects
}

// List returns the backups of a name, oldest first: those that were stored to their end.
func (s *Store) List(ctx context.Context, name string) ([]Listed, error) {
	all, _, err := s.contents(ctx, name)
	return all, err
}

// contents returns the backups of a name, and the objects of uploads that have not come to their end.
func (s *Store) contents(ctx context.Context, name string) (all []Listed, loose []object, err error) {
	objects, err := s.list(ctx, name+"/")
	if err != nil {
		return nil, nil, err
	}
	at := map[string]int{}
	for _, o := range objects {
		id, ok := strings.CutSuffix(strings.TrimPrefix(o.key, name+"/"), ".age")
		if created, known := backup.IDTime(id, name); ok && known {
			at[id] = len(all)
			all = append(all, Listed{ID: id, Name: name, Created: created})
		}
	}
	for _, o := range objects {
		id, _, inside := strings.Cut(strings.TrimPrefix(o.key, name+"/"), "/")
		if i, ok := at[id]; ok && inside {
			all[i].Size += o.size
		} else if _, known := backup.IDTime(id, name); known && inside {
			loose = append(loose, o)
		}
	}
	slices.SortFunc(all, func(a, b Listed) int { return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID)) })
	return all, loose, nil
}

// find returns the key of the backup that which names: an ID, or backup.Latest.
func (s *Store) find(ctx context.Context, name, which string) (string, error) {
	all, err := s.List(ctx, name)
	if err != nil {
		return "", err
	}
	for _, l := range slices.Backward(all) {
		if which == backup.Latest || l.ID == which {
			return name + "/" + l.ID, nil
		}
	}
	return "", &fault.Error{Op: "find the backup", Path: which, Err: backup.ErrNoBackup, Hint: "nself backup list --remote shows those of " + name + " that are there"}
}

// Pull gets a backup into a directory of backups. It is compared with its checksums before it is there.
func (s *Store) Pull(ctx context.Context, k *Key, name, which, dir string, progress Progress) (*backup.Backup, error) {
	key, err := s.find(ctx, name, which)
	if err != nil {
		return nil, err
	}
	d, err := s.describe(ctx, k, key)
	if err != nil {
		return nil, err
	}
	var done, total int64
	for _, o := range d.Objects {
		total += o.Size
	}
	next := 0
	b, err := backup.Receive(ctx, dir, strings.TrimPrefix(key, name+"/"), d.Manifest, func(w io.Writer) error {
		if next == len(d.Objects) {
			return damaged(key, errors.New("an object is missing"))
		}
		o := d.Objects[next]
		next++
		r, err := s.get(ctx, o.Key)
		if errors.Is(err, ErrMissing) {
			return damaged(o.Key, err)
		}
		if err != nil {
			return err
		}
		defer r.Close()
		counted := &reading{r: r, progress: func(n int64) { progress(StageDownload, done+n, total) }}
		plain, err := k.open(counted, o.Key)
		if err != nil {
			return err
		}
		if _, err = io.Copy(w, plain); err != nil {
			if counted.err != nil { // the network's, not the contents'
				return s.explain(ctx, "read", o.Key, counted.err)
			}
			return damaged(o.Key, err)
		}
		done += o.Size
		return nil
	})
	if errors.Is(err, backup.ErrDamaged) {
		err = damaged(key, err)
	}
	return b, err
}

// reading remembers how the reading of an object failed.
type reading struct {
	r        io.Reader
	n        int64
	err      error
	progress func(int64)
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.n += int64(n)
	r.progress(r.n)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// Verify reads a backup back and compares it with what was sent.
func (s *Store) Verify(ctx context.Context, k *Key, name, which string, progress Progress) (id string, err error) {
	key, err := s.find(ctx, name, which)
	if err != nil {
		return "", err
	}
	d, err := s.describe(ctx, k, key)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(key, name+"/"), s.readBack(ctx, d, progress)
}
