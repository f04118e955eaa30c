package supervisor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"nself.org/embeddedpg/internal/listen"
)

// watchInterval is how often the supervisor looks for what it needs on the disk.
const watchInterval = time.Second

// watch makes again what has vanished from the runtime directory and can be made, until done. If the directory itself or
// the data is gone it says so, once.
func (s *supervisor) watch(done <-chan struct{}, gone chan<- error, c *control) {
	t := time.NewTicker(watchInterval)
	defer t.Stop()
	missed := false
	for {
		select {
		case <-done:
			return
		case <-t.C:
		}
		switch err := s.displaced(); {
		case err == nil:
			missed = false
			s.mend(c)
		case missed:
			gone <- err
			return
		default:
			missed = true // a look that fails once may be a file system's that is busy
		}
	}
}

// displaced says why the supervisor has lost its place.
func (s *supervisor) displaced() error {
	here, err := os.Stat(s.paths.Runtime)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil // unreadable for now
	}
	own, e := s.root.Stat(".")
	if err != nil || e == nil && !os.SameFile(here, own) {
		return fmt.Errorf("its directory %s was moved or removed", s.paths.Runtime)
	}
	if _, err := s.root.Stat(filepath.Join(filepath.Base(s.paths.Data()), "PG_VERSION")); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("its data directory %s was moved or removed", s.paths.Data())
	}
	if _, err := s.root.Stat(filepath.Base(s.paths.lock())); errors.Is(err, fs.ErrNotExist) {
		lock, err := s.paths.holdLock()
		if err != nil {
			return fmt.Errorf("its lock was removed, and another process has it: %w", err)
		}
		s.locks = append(s.locks, lock) // the old one keeps nobody out any more
	}
	return nil
}

// mend makes files again that say where the database is.
func (s *supervisor) mend(c *control) {
	s.mu.Lock()
	state, password := s.mu.state, s.mu.password
	s.mu.Unlock()
	missing := func(name string) bool {
		_, err := os.Lstat(name)
		return errors.Is(err, fs.ErrNotExist)
	}
	if missing(s.paths.state()) {
		s.mu.Lock()
		s.note(s.paths.writeState(s.mu.state))
		s.mu.Unlock()
	}
	if state.Phase == Ready && (missing(s.paths.links()[0]) || missing(s.paths.links()[1])) {
		s.note(s.paths.link(filepath.Join(state.SocketDir, listen.SocketName(state.Port))))
	}
	if password != "" && missing(s.paths.PasswordFile()) {
		if _, err := s.paths.keepPassword(password); err != nil {
			s.note(err)
		}
	}
	if missing(state.Control) {
		if _, err := s.paths.shortDir(); err != nil {
			s.note(err)
		} else if err := c.open(state.Control); err != nil {
			s.note(err)
		}
	}
	if state.Shared && missing(state.SocketDir) {
		s.note(makeShared(state.SocketDir))
	}
}
