//go:build linux || darwin

package vfs

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// A rootOpener opens by os.Root, which walks name by name and so works on every
// host. Only directories and symbolic links are left to it: the last element, if
// it is no link, is opened directly, which spares the descriptor a detour through
// an os.File.
type rootOpener struct {
	root   *os.Root
	rootFd int
}

func (r rootOpener) parent(rel string) (place, error) {
	dir, base := split(rel)
	if dir == "." {
		return place{dir: r.rootFd, base: base}, nil
	}
	f, err := r.root.OpenFile(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return place{}, rootErrno(err)
	}
	return place{dir: int(f.Fd()), base: base, file: f}, nil
}

func (r rootOpener) open(rel string, flags int, perm uint32) (int, error) {
	p, err := r.parent(rel)
	if err != nil {
		return -1, err
	}
	defer p.close()
	fd, err := retryN(func() (int, error) { return unix.Openat(p.dir, p.base, flags|unix.O_NOFOLLOW, perm) })
	if err == nil {
		return fd, nil
	}
	if flags&unix.O_NOFOLLOW != 0 || !r.isLink(p) {
		return -1, err
	}
	f, err := r.root.OpenFile(rel, flags, fileMode(perm))
	if err != nil {
		return -1, rootErrno(err)
	}
	defer f.Close()
	return dupFd(f)
}

// isLink tells whether an open that must not follow failed because of that. The
// error alone does not tell: of a link it is ELOOP, but ENOTDIR with O_DIRECTORY
// and EEXIST with O_EXCL, for which no link is followed in either way.
func (r rootOpener) isLink(p place) bool {
	st, err := p.lstat()
	return err == nil && uint32(st.Mode)&S_IFMT == S_IFLNK
}

func (r rootOpener) stat(rel string, follow bool) (unix.Stat_t, error) {
	p, err := r.parent(rel)
	if err != nil {
		return unix.Stat_t{}, err
	}
	st, err := p.lstat()
	p.close()
	if err != nil || !follow || uint32(st.Mode)&S_IFMT != S_IFLNK {
		return st, err
	}
	info, err := r.root.Stat(rel)
	if err != nil {
		return st, rootErrno(err)
	}
	return hostStat(info.Sys().(*syscall.Stat_t)), nil
}

// rootErrno is the errno of an error of os.Root. One without is its refusal to
// leave the root.
func rootErrno(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e
	}
	return syscall.EACCES
}

// dupFd takes a descriptor of its own from an os.File.
func dupFd(f *os.File) (int, error) {
	return unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
}

// fileMode is the permission bits in the form of package os.
func fileMode(mode uint32) os.FileMode {
	m := os.FileMode(mode & 0o777)
	if mode&S_ISVTX != 0 {
		m |= os.ModeSticky
	}
	return m
}
