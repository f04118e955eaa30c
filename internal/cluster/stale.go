package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/fault"
)

// clearStale removes the postmaster.pid that a killed owner left behind. The caller holds the lock,
// so no server of ours is running on dir; but a native server does not know our lock, so the process
// that the file names is looked at, and if it may be such a server the directory is refused.
func clearStale(dir string) error {
	if err := noServer(dir); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, pidFileName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// noServer refuses a directory that a native server may be running on, by its postmaster.pid.
func noServer(dir string) error {
	p, err := readPidFile(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	pid := p.PID
	if pid < 0 {
		pid = -pid
	}
	// Our own pid in it is of a server of ours in this process that was killed, or of an earlier
	// process that had the same number, as in a container.
	if pid > 1 && pid != os.Getpid() && alive(pid) && mayBePostgres(pid, dir) {
		return &fault.Error{
			Op: "open the data directory", Path: dir,
			Err:  fmt.Errorf("a PostgreSQL server, process %d, runs on it", pid),
			Hint: fmt.Sprintf("stop that server first (pg_ctl stop -D %s)", dir),
		}
	}
	// A server of ours has segments of its kernel's, not the host's: one of the same id has another key there.
	if p.ShmID >= 0 && shmAttached(p.ShmKey, p.ShmID) {
		return &fault.Error{
			Op: "open the data directory", Path: dir,
			Err:  errors.New("processes of a PostgreSQL server that was killed still use it"),
			Hint: "end the remaining postgres processes, then start again",
		}
	}
	return nil
}

// alive reports whether a process of that number exists.
func alive(pid int) bool {
	err := unix.Kill(pid, 0)
	return err == nil || err == unix.EPERM
}
