package vfs

import (
	"syscall"

	"nself.org/embeddedpg/internal/abi"
)

// linuxErrno is the identity: Linux has the same numbers on every architecture
// that Go and wasmtime share.
func linuxErrno(e syscall.Errno) abi.Errno {
	if e <= 0 || e >= 4096 {
		return abi.EIO
	}
	return abi.Errno(e)
}
