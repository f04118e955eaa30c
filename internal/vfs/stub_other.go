//go:build !linux && !darwin

package vfs

import "syscall"

// A Dir is not to be had on this host: NewDir fails with ENOSYS.
type Dir struct{ FS }

// NewDir fails with ENOSYS.
func NewDir(hostPath string, _ DirOptions) (*Dir, error) {
	return nil, pathError("open root", hostPath, syscall.ENOSYS)
}

// Close has nothing to release.
func (d *Dir) Close() error { return nil }

// A Host fails every call with ENOSYS on this host.
type Host struct{ FS }

// NewHost returns a tree that cannot be used.
func NewHost() *Host {
	return &Host{&Faulty{Fail: func(string, string) error { return syscall.ENOSYS }}}
}

func dupFile(File) (File, error) { return nil, syscall.ENOSYS }

func newAnonymous(string) (File, error) { return nil, syscall.ENOSYS }
