package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// socketLock is the file beside a Unix socket that says who has it. It is PostgreSQL's own, by name and
// contents (CreateSocketLockFile in miscinit.c), so that a native server started later in the same
// directory leaves the socket alone. Among our own servers a flock on it decides.
type socketLock struct {
	f    *os.File
	path string
}

func lockSocket(socket string) (*socketLock, error) {
	path := socket + ".lock"
	bad := func(err error, hint string) error {
		return &fault.Error{Op: "listen on", Path: socket, Hint: hint, Err: err}
	}
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			hint := "the socket directory must be one that this user can write"
			if errors.Is(err, fs.ErrPermission) {
				hint += "; if the file was left by another user's server, use another directory or port"
			}
			return nil, bad(err, hint)
		}
		l := &socketLock{f, path}
		err = hostdir.TryLock(f)
		owner := l.owner()
		if errors.Is(err, hostdir.ErrLocked) || err == nil && owner > 1 && owner != os.Getpid() && isPostgres(owner) {
			f.Close()
			who := "another server"
			if owner > 0 {
				who = fmt.Sprintf("process %d", owner)
			}
			return nil, bad(fmt.Errorf("%s has this socket", who), "stop it, or use another socket directory or port")
		}
		if err != nil {
			f.Close()
			return nil, bad(err, "the socket directory must be on a local file system")
		}
		// The holder before us may have removed the file after we opened it.
		if !l.still() {
			f.Close()
			continue
		}
		if err := l.write(socket); err != nil {
			l.release()
			return nil, bad(err, "")
		}
		return l, nil
	}
}

// owner is the process number in the file, 0 if there is none.
func (l *socketLock) owner() int {
	b := make([]byte, 32)
	n, _ := l.f.ReadAt(b, 0)
	line, _, _ := strings.Cut(string(b[:n]), "\n")
	pid, _ := strconv.Atoi(strings.TrimPrefix(line, "-"))
	return pid
}

func (l *socketLock) still() bool {
	a, err := l.f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(l.path)
	return err == nil && os.SameFile(a, b)
}

// write fills in the lines of CreateLockFile: process, data directory, start time, port, socket directory.
func (l *socketLock) write(socket string) error {
	port := strings.TrimPrefix(filepath.Ext(socket), ".")
	text := fmt.Sprintf("%d\n%s\n%d\n%s\n%s\n", os.Getpid(), "/pgdata", time.Now().Unix(), port, filepath.Dir(socket))
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	_, err := l.f.WriteAt([]byte(text), 0)
	return err
}

// release removes the file, still locked, and then gives up the lock.
func (l *socketLock) release() error {
	err := os.Remove(l.path)
	if vanished(err) {
		err = nil
	}
	return errors.Join(err, l.f.Close())
}
