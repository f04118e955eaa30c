package vm

import (
	"os"

	"golang.org/x/sys/unix"
)

// memoryFile returns a file in memory with these bytes.
func memoryFile(b []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("embeddedpg-code", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "memfd:embeddedpg-code")
	if _, err := f.Write(b); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
