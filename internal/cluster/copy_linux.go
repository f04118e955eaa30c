package cluster

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// shareFile makes to a copy of from that shares its blocks (FICLONE: Btrfs, XFS, bcachefs, overlays on them). If the
// file system cannot, the error is errors.ErrUnsupported and there is no file.
func shareFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = unix.IoctlFileClone(int(dst.Fd()), int(src.Fd()))
	if isErrno(err, unix.EOPNOTSUPP, unix.EXDEV, unix.EINVAL, unix.ENOTTY, unix.ENOSYS, unix.EPERM) {
		err = errors.ErrUnsupported
	}
	if err != nil {
		dst.Close()
		os.Remove(to)
		return err
	}
	return dst.Close()
}
