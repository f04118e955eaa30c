//go:build linux || darwin

package vfs

import (
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// A hostFile is an open file of the host. It calls the host directly, with no
// os.File between: no poller, no finalizer, and Fd may be used beside it.
type hostFile struct {
	fd       atomic.Int32
	readOnly bool // Chmod too is EROFS
}

func newHostFile(fd int, readOnly bool) *hostFile {
	f := &hostFile{readOnly: readOnly}
	f.fd.Store(int32(fd))
	return f
}

// maxTransfer bounds one read or write, in bytes: macOS refuses more than an
// int32 holds. A guest sees a short transfer.
const maxTransfer = 1 << 30

func (f *hostFile) Fd() int { return int(f.fd.Load()) }

func (f *hostFile) Read(p []byte) (int, error) {
	p = p[:min(len(p), maxTransfer)]
	return retryN(func() (int, error) { return unix.Read(f.Fd(), p) })
}

func (f *hostFile) Write(p []byte) (int, error) {
	p = p[:min(len(p), maxTransfer)]
	return retryN(func() (int, error) { return unix.Write(f.Fd(), p) })
}

func (f *hostFile) Pread(p []byte, off int64) (int, error) {
	p = p[:min(len(p), maxTransfer)]
	return retryN(func() (int, error) { return unix.Pread(f.Fd(), p, off) })
}

func (f *hostFile) Pwrite(p []byte, off int64) (int, error) {
	p = p[:min(len(p), maxTransfer)]
	return retryN(func() (int, error) { return unix.Pwrite(f.Fd(), p, off) })
}

func (f *hostFile) Seek(off int64, whence int) (int64, error) {
	if whence < 0 || whence >= len(hostWhence) {
		return 0, syscall.EINVAL
	}
	at, err := unix.Seek(f.Fd(), off, hostWhence[whence])
	return max(at, 0), err
}

func (f *hostFile) Truncate(size int64) error {
	return retry(func() error { return unix.Ftruncate(f.Fd(), size) })
}

func (f *hostFile) Allocate(off, n int64) error { return allocate(f.Fd(), off, n) }

func (f *hostFile) Sync(dataOnly bool) error {
	return retry(func() error { return syncFd(f.Fd(), dataOnly) })
}

func (f *hostFile) Stat() (Stat, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(f.Fd(), &st) }); err != nil {
		return Stat{}, err
	}
	return statOf(&st), nil
}

func (f *hostFile) Chmod(mode uint32) error {
	if f.readOnly {
		return syscall.EROFS
	}
	if err := checkMode(mode); err != nil {
		return err
	}
	return retry(func() error { return unix.Fchmod(f.Fd(), mode&0o7777) })
}

func (f *hostFile) ReadDir() ([]DirEntry, error) {
	var list []DirEntry
	buf := make([]byte, 32<<10)
	for {
		n, err := retryN(func() (int, error) { return unix.ReadDirent(f.Fd(), buf) })
		if err != nil {
			return list, err
		}
		if n == 0 {
			break
		}
		list = appendEntries(list, buf[:n])
	}
	for i := range list {
		if list[i].Type != DT_UNKNOWN {
			continue
		}
		var st unix.Stat_t
		if unix.Fstatat(f.Fd(), list[i].Name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
			list[i].Type = uint8((uint32(st.Mode) & S_IFMT) >> 12)
		}
	}
	return list, nil
}

func (f *hostFile) Close() error {
	fd := f.fd.Swap(-1)
	if fd < 0 {
		return syscall.EBADF
	}
	return closeFd(int(fd))
}

// closeFd closes a descriptor. An interrupted close has closed it on both hosts.
func closeFd(fd int) error {
	if err := unix.Close(fd); err != nil && err != unix.EINTR {
		return err
	}
	return nil
}

// retry calls again what a signal of the host process interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// retryN is retry for calls that return a count; that of a failed one is 0.
func retryN(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}
