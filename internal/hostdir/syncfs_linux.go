package hostdir

import (
	"os"

	"golang.org/x/sys/unix"
)

// SyncFileSystem makes durable what was written to the file system of the directory dir, below it and elsewhere. It is for
// the many files of a copy whose contents are on the disk already, because they share their blocks with older files: SyncTree
// took 1.1 s for 1,300 of them on Btrfs and 60 ms on XFS, and this takes 1 and 10 ms.
func SyncFileSystem(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return &os.PathError{Op: "syncfs", Path: dir, Err: err}
	}
	return nil
}
