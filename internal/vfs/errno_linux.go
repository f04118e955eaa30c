package vfs

import "syscall"

// linuxErrno is the identity: Linux has the same numbers on every architecture
// that Go and wasmtime share.
func linuxErrno(e syscall.Errno) int32 {
	if e <= 0 || e >= 4096 {
		return linuxEIO
	}
	return int32(e)
}
