//go:build !linux && !darwin

package vfs

import (
	"syscall"
	"time"
)

// A Dir is unavailable on this host: NewDir fails with ENOSYS.
type Dir struct{ FS }

// NewDir fails with ENOSYS.
func NewDir(hostPath string, _ DirOptions) (*Dir, error) {
	return nil, pathError("open root", hostPath, syscall.ENOSYS)
}

// Close has nothing to release.
func (d *Dir) Close() error { return nil }

// A Host fails every call with ENOSYS on this host.
type Host struct{}

// NewHost returns a tree that cannot be used.
func NewHost() *Host { return new(Host) }

func (*Host) Open(string, int, uint32) (File, error)     { return nil, syscall.ENOSYS }
func (*Host) Stat(string, bool) (Stat, error)            { return Stat{}, syscall.ENOSYS }
func (*Host) Mkdir(string, uint32) error                 { return syscall.ENOSYS }
func (*Host) Unlink(string) error                        { return syscall.ENOSYS }
func (*Host) Rmdir(string) error                         { return syscall.ENOSYS }
func (*Host) Rename(string, string) error                { return syscall.ENOSYS }
func (*Host) Link(string, string) error                  { return syscall.ENOSYS }
func (*Host) Symlink(string, string) error               { return syscall.ENOSYS }
func (*Host) Readlink(string) (string, error)            { return "", syscall.ENOSYS }
func (*Host) Chmod(string, uint32) error                 { return syscall.ENOSYS }
func (*Host) Truncate(string, int64) error               { return syscall.ENOSYS }
func (*Host) Chtimes(string, time.Time, time.Time) error { return syscall.ENOSYS }

// Opened knows no files of this host.
func Opened(int) (f File, flag int, ok bool) { return nil, 0, false }

func dupFile(File) (File, error) { return nil, syscall.ENOSYS }

func newAnonymous(string) (File, error) { return nil, syscall.ENOSYS }
