//go:build unix

package hostdir

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrLocked is the error of [TryLock] and [TryShare] where another process has the lock.
var ErrLocked = errors.New("locked by another process")

// TryLock takes the lock (flock) of an open file or directory for this process alone, and does not
// wait for it. The lock ends when f is closed, or with the process, however that ends. The error is
// [ErrLocked] if somebody else has it; any other means that the file system has no locks.
func TryLock(f *os.File) error { return lock(f, unix.LOCK_EX|unix.LOCK_NB) }

// TryShare takes the lock together with others that share it. Otherwise it is as [TryLock].
func TryShare(f *os.File) error { return lock(f, unix.LOCK_SH|unix.LOCK_NB) }

// WaitLock takes the lock as [TryLock] does, and waits until it is free.
func WaitLock(f *os.File) error { return lock(f, unix.LOCK_EX) }

// Unlock gives a lock back before f is closed.
func Unlock(f *os.File) error { return lock(f, unix.LOCK_UN) }

func lock(f *os.File, how int) error {
	for {
		switch err := unix.Flock(int(f.Fd()), how); err {
		case nil:
			return nil
		case unix.EINTR: // a signal came first; Go's own runtime sends them
		case unix.EWOULDBLOCK:
			return ErrLocked
		default:
			return fmt.Errorf("flock: %w", err)
		}
	}
}
