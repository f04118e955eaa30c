package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"nself.org/embeddedpg/internal/fault"
)

// Cluster is a data directory that this process owns until Close. Its methods are not safe for
// concurrent use.
type Cluster struct {
	dir   string // absolute, without symbolic links
	lock  *dirLock
	empty bool
	made  bool // Open made the directory
}

// Open takes ownership of a data directory and checks it. One that does not exist is made, mode 0700,
// with the parents it lacks. An empty one needs Create before Run. What a killed owner left behind
// (postmaster.pid) is cleared. Every refusal is a *fault.Error.
func Open(dir string) (*Cluster, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, &fault.Error{Op: opCheck, Path: dir, Err: err}
	}
	made := false
	if _, err := os.Stat(abs); errors.Is(err, fs.ErrNotExist) {
		if target, err := os.Readlink(abs); err == nil {
			return nil, &fault.Error{
				Op: opCheck, Path: abs, Err: fmt.Errorf("it is a symbolic link to %s, which does not exist", target),
				Hint: "make that directory, or remove the link",
			}
		}
		if err := os.MkdirAll(abs, 0o700); err != nil {
			return nil, &fault.Error{Op: "make the data directory", Path: abs, Hint: accessHint(err), Err: reason(err)}
		}
		made = true
	}
	// A rename onto a symbolic link would replace the link, so Create needs the real name.
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		abs = real
	}
	c := &Cluster{dir: abs, made: made}
	if err := c.own(); err != nil {
		return nil, err
	}
	return c, nil
}

// own locks, checks and cleans c.dir. On error nothing is held.
func (c *Cluster) own() (err error) {
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	// The check comes before the lock only where the lock cannot be had for want of permission.
	lock, err := lockDir(c.dir)
	if errors.Is(err, fs.ErrPermission) || isNotDir(c.dir) {
		if lock != nil {
			lock.release()
		}
		_, checked := check(c.dir)
		if checked != nil {
			return checked
		}
		return err
	}
	if err != nil {
		return err
	}
	c.lock = lock
	if !lock.still(c.dir) {
		return ownedError(c.dir) // another process is just putting its new cluster in this place
	}
	if c.empty, err = check(c.dir); err != nil || c.empty {
		return err
	}
	return clearStale(c.dir)
}

func isNotDir(dir string) bool {
	st, err := os.Stat(dir)
	return err == nil && !st.IsDir()
}

// Dir returns the absolute path of the data directory.
func (c *Cluster) Dir() string { return c.dir }

// Empty reports whether Create is needed.
func (c *Cluster) Empty() bool { return c.empty }

// Close gives up ownership. A directory that Open made and that is still empty is removed again.
func (c *Cluster) Close() error {
	if c.made && c.empty {
		os.Remove(c.dir)
	}
	if c.lock == nil {
		return nil
	}
	l := c.lock
	c.lock = nil
	return l.release()
}
