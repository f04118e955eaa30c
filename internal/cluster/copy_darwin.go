package cluster

import (
	"errors"

	"golang.org/x/sys/unix"
)

// shareFile makes to a copy of from that shares its blocks (clonefile: APFS). If the file system cannot, the error is
// errors.ErrUnsupported and there is no file.
func shareFile(from, to string) error {
	err := unix.Clonefile(from, to, unix.CLONE_NOFOLLOW|unix.CLONE_NOOWNERCOPY)
	if isErrno(err, unix.ENOTSUP, unix.EXDEV, unix.ENOSYS) {
		return errors.ErrUnsupported
	}
	return err
}
