package cluster

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// syncers is how many files are synced at once. The file system's journal then commits many of them
// together: 970 files of a new cluster took 90 to 220 ms instead of 750 to 1200 ms one by one (ext4).
const syncers = 16

// syncTree puts all files and directories below dir, and dir, onto stable storage. initdb would do it too,
// one file after the other.
func syncTree(dir string) error {
	names := make(chan string)
	errs := make(chan error, syncers)
	var wg sync.WaitGroup
	for range syncers {
		wg.Go(func() {
			var first error
			for name := range names {
				if err := syncFile(name); err != nil && first == nil {
					first = err
				}
			}
			errs <- first
		})
	}
	walked := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && (d.IsDir() || d.Type().IsRegular()) {
			names <- name
		}
		return err
	})
	close(names)
	wg.Wait()
	close(errs)
	for err := range errs {
		walked = errors.Join(walked, err)
	}
	if walked != nil {
		return walked
	}
	return syncDir(dir)
}

// syncFile is fsync. On macOS that leaves the data in the drive's cache; syncDir's Sync empties that for all.
func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Fsync(int(f.Fd())); err != nil {
		return &fs.PathError{Op: "fsync", Path: name, Err: err}
	}
	return nil
}

// syncDir puts a directory, its own entries alone, onto stable storage.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
