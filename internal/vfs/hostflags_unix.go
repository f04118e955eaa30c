//go:build linux || darwin

package vfs

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Guest flags beside the flags of this host. Absent ones are ignored, as open(2)
// ignores what it does not know: O_LARGEFILE, O_NOATIME, O_ASYNC. O_CLOEXEC is
// always set.
var hostFlagTable = [...]struct{ guest, host int }{
	{O_CREAT, unix.O_CREAT},
	{O_EXCL, unix.O_EXCL},
	{O_TRUNC, unix.O_TRUNC},
	{O_APPEND, unix.O_APPEND},
	{O_NONBLOCK, unix.O_NONBLOCK},
	{O_DSYNC, unix.O_DSYNC},
	{O_SYNC, unix.O_SYNC},
	{O_DIRECT, directFlag},
	{O_DIRECTORY, unix.O_DIRECTORY},
	{O_NOFOLLOW, unix.O_NOFOLLOW},
}

// hostFlags translates the flags of open. O_PATH and O_TMPFILE are EOPNOTSUPP.
func hostFlags(flag int) (int, error) {
	if err := checkFlags(flag); err != nil {
		return 0, err
	}
	host := flag&O_ACCMODE | unix.O_CLOEXEC | unix.O_NOCTTY
	for _, f := range hostFlagTable {
		if flag&f.guest == f.guest {
			host |= f.host
		}
	}
	return host, nil
}

// statusFlags are those flags of open that F_SETFL would take away if they were
// not given to it again.
const statusFlags = unix.O_APPEND | directFlag | unix.O_SYNC | unix.O_DSYNC

// setBlocking takes back the O_NONBLOCK that fd was opened with.
func setBlocking(fd, hostFlags int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, hostFlags&statusFlags)
	return err
}

// checkMode refuses set-user-ID and set-group-ID bits: a program with them on the
// host's disk would carry the host user's rights.
func checkMode(mode uint32) error {
	if mode&(S_ISUID|S_ISGID) != 0 {
		return syscall.EPERM
	}
	return nil
}
