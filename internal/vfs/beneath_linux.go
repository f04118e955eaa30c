package vfs

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// A beneathOpener opens by openat2, whose kernel resolves a name beneath a
// directory in one call (Linux 5.6).
type beneathOpener struct {
	slow   opener // for what the kernel asks to be tried again too often
	rootFd int
}

// beneathRetries bounds how often EAGAIN is believed: the kernel says so when a
// name with ".." was resolved while something was renamed.
const beneathRetries = 64

// fastOpener returns a beneathOpener if the host has openat2: an older kernel
// does not, and some containers forbid it.
func fastOpener(slow opener, rootFd int) opener {
	b := beneathOpener{slow, rootFd}
	fd, err := b.openat2(".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return slow
	}
	closeFd(fd)
	return b
}

func (b beneathOpener) openat2(rel string, flags int, perm uint32) (int, error) {
	how := unix.OpenHow{
		Flags:   uint64(flags),
		Mode:    uint64(perm),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	}
	var fd int
	var err error
	for range beneathRetries {
		fd, err = retryN(func() (int, error) { return unix.Openat2(b.rootFd, rel, &how) })
		if err != unix.EAGAIN {
			break
		}
	}
	if err == unix.EXDEV {
		return -1, syscall.EACCES
	}
	return fd, err
}

func (b beneathOpener) open(rel string, flags int, perm uint32) (int, error) {
	fd, err := b.openat2(rel, flags, perm)
	if err == unix.EAGAIN {
		return b.slow.open(rel, flags, perm)
	}
	return fd, err
}

func (b beneathOpener) parent(rel string) (place, error) {
	dir, base := split(rel)
	if dir == "." {
		return place{dir: b.rootFd, base: base}, nil
	}
	fd, err := b.openat2(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == unix.EAGAIN {
		return b.slow.parent(rel)
	}
	return place{dir: fd, base: base, own: true}, err
}

func (b beneathOpener) stat(rel string, follow bool) (st unix.Stat_t, err error) {
	flags := unix.O_PATH | unix.O_CLOEXEC
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := b.openat2(rel, flags, 0)
	if err == unix.EAGAIN {
		return b.slow.stat(rel, follow)
	}
	if err != nil {
		return st, err
	}
	err = retry(func() error { return unix.Fstat(fd, &st) })
	closeFd(fd)
	return st, err
}

// hostStat is the same struct under the name of package unix.
func hostStat(st *syscall.Stat_t) unix.Stat_t {
	return unix.Stat_t{
		Dev: st.Dev, Ino: st.Ino, Mode: st.Mode, Nlink: st.Nlink, Size: st.Size,
		Blocks: st.Blocks, Blksize: st.Blksize, Rdev: st.Rdev,
		Atim: unix.Timespec(st.Atim), Mtim: unix.Timespec(st.Mtim), Ctim: unix.Timespec(st.Ctim),
	}
}
