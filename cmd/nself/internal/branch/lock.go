package branch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

const lockFile = ".lock"

// lock keeps others from making and removing branches, and clears what a killed one has left. It ends with the process, however
// that ends.
func (s Store) lock(ctx context.Context) (unlock func(), err error) {
	bad := func(err error) error {
		return &fault.Error{Op: "lock the branches in", Path: s.dir, Err: err, Hint: "the directory must be this user's, on a file system with locks"}
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, bad(err)
	}
	f, err := os.OpenFile(filepath.Join(s.dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, bad(err)
	}
	for {
		err := hostdir.TryLock(f)
		if err == nil {
			break
		}
		if !errors.Is(err, hostdir.ErrLocked) {
			f.Close()
			return nil, bad(err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.clear()
	return func() { f.Close() }, nil
}

// clear removes what killed programs have left half made or half removed. It is called with the lock, so nobody works there.
// What cannot be removed yet, the next one removes.
func (s Store) clear() {
	entries, _ := os.ReadDir(s.dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), half) || strings.HasPrefix(e.Name(), doomed) {
			_ = os.RemoveAll(filepath.Join(s.dir, e.Name()))
		}
	}
}
