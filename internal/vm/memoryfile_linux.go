package vm

import (
	"os"

	"golang.org/x/sys/unix"
)

// memoryFile returns a file in memory of that size.
func memoryFile(size int64) (*os.File, error) {
	fd, err := unix.MemfdCreate("embeddedpg-code", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "memfd:embeddedpg-code")
	if err := f.Truncate(size); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// reserve takes the room that a file will need. Where the file system cannot do so, writing tells.
func reserve(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if err == unix.EOPNOTSUPP || err == unix.ENOSYS || err == unix.EINTR {
		err = nil
	}
	return os.NewSyscallError("fallocate", err)
}
