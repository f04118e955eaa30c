package vfs

import (
	"errors"
	"io/fs"
	"syscall"
)

// Linux's numbers that stand for errors without an errno of their own:
// include/uapi/asm-generic/errno-base.h.
const (
	linuxENOENT = 2
	linuxEIO    = 5
	linuxEBADF  = 9
	linuxEACCES = 13
	linuxEEXIST = 17
	linuxEINVAL = 22
)

// Errno is the Linux number, positive, of any error of this package: 0 for nil,
// EIO for one that wraps no known error.
func Errno(err error) int32 {
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
		return linuxENOENT
	case errors.Is(err, fs.ErrExist):
		return linuxEEXIST
	case errors.Is(err, fs.ErrPermission):
		return linuxEACCES
	case errors.Is(err, fs.ErrInvalid):
		return linuxEINVAL
	case errors.Is(err, fs.ErrClosed):
		return linuxEBADF
	}
	return linuxEIO
}
