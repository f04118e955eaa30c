package hostdir

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// syncers is how many files SyncTree has in flight. A disk takes the flushes of several files together: the thousand
// files of a new cluster took 0.87 s one after the other, and 0.1 s with 8 or with 32 at a time.
const syncers = 16

// SyncTree makes every file and directory below dir, and dir, durable.
func SyncTree(dir string) error {
	paths := make(chan string)
	errs := make(chan error, syncers)
	var wg sync.WaitGroup
	for range syncers {
		wg.Go(func() {
			var first error
			for p := range paths {
				if err := SyncPath(p); err != nil && first == nil {
					first = err
				}
			}
			if first != nil {
				errs <- first
			}
		})
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && (d.Type().IsRegular() || d.IsDir()) {
			paths <- path
		}
		return err
	})
	close(paths)
	wg.Wait()
	close(errs)
	if err != nil {
		return err
	}
	return <-errs
}

// SyncPath makes a file's content, or a directory's names, durable.
func SyncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
