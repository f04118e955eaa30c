//go:build linux || darwin

package vfs

import "golang.org/x/sys/unix"

// dupFile opens a second File on the object of f.
func dupFile(f File) (File, error) {
	fd, err := unix.FcntlInt(uintptr(f.Fd()), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	return newHostFile(fd, false), nil
}
