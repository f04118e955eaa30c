package cluster

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate takes the space for a range of a file that reads as zeros.
func allocate(name string, at, n int64) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		err := unix.Fallocate(int(f.Fd()), 0, at, n)
		if err == nil || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) { // it may run out later, then
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return &os.PathError{Op: "allocate", Path: name, Err: err}
		}
	}
}
