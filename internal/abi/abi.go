// Package abi is the contract between guest and kernel in numbers: system calls, error numbers, flags, the layouts of
// structures in guest memory, and the layout of that memory. abi_gen.go is written by wasm/abi.sh from the files that
// the guest's libc is built with; internal/vm/abi_gen.h has the same for C. Names are C's.
//
// It owns no meaning: what a call does is package kernel's.
package abi

// Errno is an error number of Linux, positive; 0 is none. It is not an error of Go's.
type Errno int32

// SyscallName returns the name of a system call, or "" if the number has none.
func SyscallName(nr int32) string { return names[nr] }
