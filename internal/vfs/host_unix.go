//go:build linux || darwin

package vfs

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Host is the host's whole file tree, as the host program sees it: for client
// programs that a person runs on his own files. It confines nothing: devices,
// FIFOs and absolute links are what they are outside, and an open may block.
type Host struct{}

// NewHost returns the tree of the host. It holds nothing that needs closing.
func NewHost() *Host { return &Host{} }

// Opened returns an open regular file of the host as a File, which has the descriptor then, and the flags that it was
// opened with. ok is false where the descriptor is something else; it stays the caller's.
func Opened(fd int) (f File, flag int, ok bool) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || uint32(st.Mode)&S_IFMT != S_IFREG {
		return nil, 0, false
	}
	host, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return nil, 0, false
	}
	flag = host & unix.O_ACCMODE
	if host&unix.O_APPEND != 0 {
		flag |= O_APPEND
	}
	return newHostFile(fd, false), flag, true
}

// hostPlace is a name that the host resolves from its own root.
func hostPlace(name string) (place, error) {
	abs, err := absolute(name)
	return place{dir: unix.AT_FDCWD, base: abs}, err
}

func hostChange(op, name string, call func(place) error) error {
	p, err := hostPlace(name)
	if err == nil {
		err = call(p)
	}
	return pathError(op, name, err)
}

func hostChange2(op, old, new string, call func(old, new place) error) error {
	p, err := hostPlace(old)
	if err != nil {
		return linkError(op, old, new, err)
	}
	q, err := hostPlace(new)
	if err == nil {
		err = call(p, q)
	}
	return linkError(op, old, new, err)
}

// Open implements FS.
func (h *Host) Open(name string, flag int, perm uint32) (File, error) {
	fd, err := h.openFile(name, flag, perm)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return newHostFile(fd, false), nil
}

func (h *Host) openFile(name string, flag int, perm uint32) (int, error) {
	p, err := hostPlace(name)
	if err != nil {
		return -1, err
	}
	flags, err := hostFlags(flag)
	if err != nil {
		return -1, err
	}
	if flag&O_CREAT != 0 {
		if err := checkMode(perm); err != nil {
			return -1, err
		}
	}
	fd, err := retryN(func() (int, error) { return unix.Openat(p.dir, p.base, flags, perm&0o7777) })
	if err != nil {
		return -1, err
	}
	if err := afterOpen(fd, flag); err != nil {
		closeFd(fd)
		return -1, err
	}
	return fd, nil
}

// Stat implements FS.
func (h *Host) Stat(name string, follow bool) (Stat, error) {
	p, err := hostPlace(name)
	if err != nil {
		return Stat{}, pathError("stat", name, err)
	}
	var st unix.Stat_t
	if follow {
		err = retry(func() error { return unix.Fstatat(p.dir, p.base, &st, 0) })
	} else {
		st, err = p.lstat()
	}
	return statOf(&st), pathError("stat", name, err)
}

// Mkdir implements FS.
func (h *Host) Mkdir(name string, perm uint32) error {
	if err := checkMode(perm); err != nil {
		return pathError("mkdir", name, err)
	}
	return hostChange("mkdir", name, func(p place) error { return p.mkdir(perm & 0o7777) })
}

// Unlink implements FS.
func (h *Host) Unlink(name string) error { return hostChange("unlink", name, place.unlink) }

// Rmdir implements FS.
func (h *Host) Rmdir(name string) error { return hostChange("rmdir", name, place.rmdir) }

// Rename implements FS.
func (h *Host) Rename(old, new string) error {
	return hostChange2("rename", old, new, place.rename)
}

// Link implements FS.
func (h *Host) Link(old, new string) error { return hostChange2("link", old, new, place.link) }

// Symlink implements FS. Unlike everywhere else in this package, the target may
// be any.
func (h *Host) Symlink(target, name string) error {
	return hostChange("symlink", name, func(p place) error { return p.symlink(target) })
}

// Readlink implements FS.
func (h *Host) Readlink(name string) (string, error) {
	p, err := hostPlace(name)
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	target, err := p.readlink()
	return target, pathError("readlink", name, err)
}

// Chmod implements FS.
func (h *Host) Chmod(name string, mode uint32) error {
	if err := checkMode(mode); err != nil {
		return pathError("chmod", name, err)
	}
	return hostChange("chmod", name, func(p place) error {
		return retry(func() error { return unix.Fchmodat(p.dir, p.base, mode&0o7777, 0) })
	})
}

// Truncate implements FS.
func (h *Host) Truncate(name string, size int64) error {
	return hostChange("truncate", name, func(p place) error {
		return retry(func() error { return unix.Truncate(p.base, size) })
	})
}

// Chtimes implements FS.
func (h *Host) Chtimes(name string, atime, mtime time.Time) error {
	return hostChange("chtimes", name, func(p place) error {
		// Times left as they are: read them first, as macOS has no UTIME_OMIT.
		if atime.IsZero() || mtime.IsZero() {
			st, err := h.Stat(name, true)
			if err != nil {
				return err
			}
			if atime.IsZero() {
				atime = st.Atime
			}
			if mtime.IsZero() {
				mtime = st.Mtime
			}
		}
		ts := make([]unix.Timespec, 2)
		for i, t := range []time.Time{atime, mtime} {
			spec, err := unix.TimeToTimespec(t)
			if err != nil {
				return syscall.EINVAL
			}
			ts[i] = spec
		}
		return retry(func() error { return unix.UtimesNanoAt(p.dir, p.base, ts, 0) })
	})
}
