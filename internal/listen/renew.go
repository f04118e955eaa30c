package listen

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// renewInterval is how often the Unix socket is looked for. What cleans up temporary directories, and the end of a login
// session, takes away sockets of programs that still run.
const renewInterval = time.Second

// renewLoop makes the Unix socket again where it has vanished, until Close. Clients that are connected notice nothing.
func (f *Listeners) renewLoop(push Push) {
	t := time.NewTicker(renewInterval)
	defer t.Stop()
	for {
		select {
		case <-f.closing:
			return
		case <-t.C:
			// A file that someone else has put there is left alone.
			if _, err := os.Lstat(f.unix.path); vanished(err) {
				f.renew(push)
			}
		}
	}
}

// vanished reports whether an error says that a file, or a directory on the way to it, is not there.
func vanished(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}

// renew makes the socket again, and its directory and lock where they have vanished too. What keeps it from that may
// pass: it is tried again.
func (f *Listeners) renew(push Push) {
	u := f.unix
	if os.MkdirAll(filepath.Dir(u.path), 0o700) != nil {
		return
	}
	lock := u.lock
	if !lock.still() {
		var err error
		if lock, err = lockSocket(u.path); err != nil {
			return
		}
	}
	l, err := bindUnix(u.path, u.mode)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil || f.mu.closed {
		if l != nil {
			l.Close()
			os.Remove(u.path)
		}
		if lock != u.lock {
			lock.release()
		}
		if f.mu.closed && u.dir != "" {
			os.Remove(u.dir)
		}
		return
	}
	if lock != u.lock {
		u.lock.f.Close() // its file is gone
		u.lock = lock
	}
	u.l.Close() // ends its accepting goroutine
	u.l = l
	f.wg.Go(func() { acceptLoop(l, push) })
}
