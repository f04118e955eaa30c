package vfs

import (
	"errors"
	"io/fs"
	"syscall"

	"nself.org/embeddedpg/internal/abi"
)

// Errno is the Linux number, positive, of any error of this package: 0 for nil,
// EIO for one that wraps no known error.
func Errno(err error) abi.Errno {
	if err == nil {
		return 0
	}
	if e, ok := err.(syscall.Errno); ok {
		return linuxErrno(e)
	}
	var e syscall.Errno
	switch {
	case errors.As(err, &e):
		return linuxErrno(e)
	case errors.Is(err, fs.ErrNotExist):
		return abi.ENOENT
	case errors.Is(err, fs.ErrExist):
		return abi.EEXIST
	case errors.Is(err, fs.ErrPermission):
		return abi.EACCES
	case errors.Is(err, fs.ErrInvalid):
		return abi.EINVAL
	case errors.Is(err, fs.ErrClosed):
		return abi.EBADF
	}
	return abi.EIO
}
