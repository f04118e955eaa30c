package vfs

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// fastOpener has no faster way on macOS.
func fastOpener(slow opener, _ int) opener { return slow }

// hostStat is the same struct under the name of package unix.
func hostStat(st *syscall.Stat_t) unix.Stat_t {
	return unix.Stat_t{
		Dev: st.Dev, Ino: st.Ino, Mode: st.Mode, Nlink: st.Nlink, Size: st.Size,
		Blocks: st.Blocks, Blksize: st.Blksize, Rdev: st.Rdev,
		Atim: unix.Timespec(st.Atimespec), Mtim: unix.Timespec(st.Mtimespec), Ctim: unix.Timespec(st.Ctimespec),
	}
}
