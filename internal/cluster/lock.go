package cluster

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// dirLock is the ownership of a data directory: an exclusive flock on the directory itself. It ends
// with the process, however that ends, so it is never stale.
type dirLock struct {
	f *os.File
}

// lockDir takes the lock of dir, which must exist. If someone else has it, the error names them.
func lockDir(dir string) (*dirLock, error) { return flockDir(dir, hostdir.TryLock) }

// shareDir takes the lock of dir together with others that only read there.
func shareDir(dir string) (*dirLock, error) { return flockDir(dir, hostdir.TryShare) }

func flockDir(dir string, take func(*os.File) error) (*dirLock, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err = take(f); err == nil {
		return &dirLock{f}, nil
	}
	f.Close()
	if !errors.Is(err, hostdir.ErrLocked) {
		return nil, &fault.Error{
			Op: "lock the data directory", Path: dir, Err: err,
			Hint: "the file system must support flock; put the data directory on a local disk",
		}
	}
	return nil, ownedError(dir)
}

// ownedError says who has the lock that we did not get.
func ownedError(dir string) error {
	owner := "another process, which is just starting or stopping"
	if p, err := readPidFile(dir); err == nil && p.PID > 0 {
		owner = fmt.Sprintf("process %d", p.PID)
		if p.PID == os.Getpid() {
			owner = fmt.Sprintf("this process (%d)", p.PID)
		}
	}
	return &fault.Error{
		Op: "open the data directory", Path: dir, Err: fmt.Errorf("it is in use by %s", owner),
		Hint: "stop that server, connect to it, or use a directory of your own",
	}
}

// still reports whether dir is the directory that is locked, and not one that took its place.
func (l *dirLock) still(dir string) bool {
	var a, b unix.Stat_t
	if unix.Fstat(int(l.f.Fd()), &a) != nil || unix.Stat(dir, &b) != nil {
		return false
	}
	return a.Dev == b.Dev && a.Ino == b.Ino
}

func (l *dirLock) release() error { return l.f.Close() }

// isErrno reports whether err is one of the errnos.
func isErrno(err error, errnos ...syscall.Errno) bool {
	for _, e := range errnos {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
