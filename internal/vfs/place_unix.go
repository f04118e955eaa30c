//go:build linux || darwin

package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// A place is an open directory and a name in it: what the "at" calls of the host
// take. With a base of one element, a call that does not follow symbolic links
// cannot leave the directory.
type place struct {
	dir  int
	base string
	own  bool     // close closes dir
	file *os.File // or this, whose descriptor dir is
}

func (p place) close() {
	if p.file != nil {
		p.file.Close()
	} else if p.own {
		closeFd(p.dir)
	}
}

func (p place) lstat() (st unix.Stat_t, err error) {
	err = retry(func() error { return unix.Fstatat(p.dir, p.base, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return st, err
}

func (p place) mkdir(perm uint32) error {
	return retry(func() error { return unix.Mkdirat(p.dir, p.base, perm) })
}

// unlink removes anything but a directory, for which macOS says EPERM.
func (p place) unlink() error {
	err := retry(func() error { return unix.Unlinkat(p.dir, p.base, 0) })
	if err == unix.EPERM {
		if st, e := p.lstat(); e == nil && uint32(st.Mode)&S_IFMT == S_IFDIR {
			return unix.EISDIR
		}
	}
	return err
}

func (p place) rmdir() error {
	return retry(func() error { return unix.Unlinkat(p.dir, p.base, unix.AT_REMOVEDIR) })
}

func (p place) rename(to place) error {
	return retry(func() error { return unix.Renameat(p.dir, p.base, to.dir, to.base) })
}

func (p place) link(to place) error {
	return retry(func() error { return unix.Linkat(p.dir, p.base, to.dir, to.base, 0) })
}

func (p place) symlink(target string) error {
	return retry(func() error { return unix.Symlinkat(target, p.dir, p.base) })
}

func (p place) readlink() (string, error) {
	buf := make([]byte, PATH_MAX+1)
	n, err := retryN(func() (int, error) { return unix.Readlinkat(p.dir, p.base, buf) })
	return string(buf[:n]), err
}
