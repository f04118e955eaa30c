//go:build unix

package hostdir

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/fault"
)

// The file that its owner has locked. Its name says what may be done with the directory once nobody has.
const (
	marker = "embeddedpg-temporary" // remove it
	kept   = "embeddedpg-kept"      // remove it if RemoveKept is asked to
)

// Temp is a temporary directory: it holds a file that its owner has locked, and who makes the next
// one removes those whose owner is gone. The lock ends with the process, however that ends. Its methods are not safe for concurrent use.
type Temp struct {
	path  string
	lock  *os.File
	guard *guard // nil without RemoveAtExit
}

// MakeTemp makes a directory in parent, mode 0700, whose name begins with prefix; parent "" is the system's directory for
// temporary files. First it removes those of the same prefix there whose program has ended.
func MakeTemp(parent, prefix string) (*Temp, error) {
	where := parent
	if parent == "" {
		where = os.TempDir()
	}
	Sweep(where, prefix)
	path, err := os.MkdirTemp(where, prefix)
	if err != nil {
		return nil, tempError("make a temporary directory in", parent, err)
	}
	d := &Temp{path: path}
	if d.lock, err = mark(path); err != nil {
		os.RemoveAll(path)
		return nil, err
	}
	return d, nil
}

// CreateTemp creates a temporary file of mode 0600 in the system's directory for these, whose name begins with prefix.
func CreateTemp(prefix string) (*os.File, error) {
	f, err := os.CreateTemp("", prefix)
	if err != nil {
		return nil, tempError("create a temporary file in", "", err)
	}
	return f, nil
}

// tempError is a *fault.Error. parent "" is the system's directory, which TMPDIR names.
func tempError(op, parent string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	f := &fault.Error{Op: op, Path: parent, Err: err}
	if parent == "" {
		f.Path = os.TempDir()
		f.Hint = "set TMPDIR to a directory in which this user may write and that has room"
	}
	return f
}

// mark makes the marker of a new directory. It gets its name once it is locked, so that nobody finds it without.
func mark(path string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(path, marker+".new"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	err = TryLock(f)
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(path, marker))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Path returns the directory's name: absolute if parent was.
func (d *Temp) Path() string { return d.path }

// Remove removes the directory and all in it.
func (d *Temp) Remove() error {
	return errors.Join(remove(d.path), d.Release())
}

// Release gives the directory up without removing it: whoever makes the next one does, unless Keep came before.
func (d *Temp) Release() error {
	err := d.lock.Close()
	if d.guard != nil {
		d.guard.end()
	}
	return err
}

// Keep makes the directory stay when its program has ended, and returns where it is then. If parent is not "" and
// [Temp.RemoveAtExit] has found a shell, that is a new directory in parent, of a name that begins with prefix, to which the
// files are moved.
func (d *Temp) Keep(parent, prefix string) (string, error) {
	to := d.path
	if parent != "" && d.guard != nil {
		var err error
		if to, err = os.MkdirTemp(parent, prefix); err != nil {
			return "", err
		}
		if _, err := io.WriteString(d.guard.life, to+"\n"); err != nil {
			return "", errors.Join(err, os.Remove(to))
		}
	}
	return to, os.Rename(filepath.Join(d.path, marker), filepath.Join(d.path, kept))
}

// Kept reports whether the files that [Temp.Keep] keeps are all there.
func Kept(path string) bool {
	_, err := os.Lstat(filepath.Join(path, kept))
	return err == nil
}

// RemoveKept removes a directory that stayed because of Keep, if its program has ended.
func RemoveKept(path string) { removeMarked(path, kept) }

// Sweep removes the directories in parent, of names that begin with prefix, whose program has ended. What cannot be
// removed stays.
func Sweep(parent, prefix string) {
	entries, _ := os.ReadDir(parent)
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), prefix) {
			removeMarked(filepath.Join(parent, e.Name()), marker)
		}
	}
}

// removeMarked removes the directory if the file name in it belongs to nobody any more.
func removeMarked(path, name string) {
	st, err := os.Lstat(path)
	if err != nil || !owned(st) {
		return
	}
	f, err := os.OpenFile(filepath.Join(path, name), os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() || !owned(st) {
		return
	}
	if TryLock(f) == nil {
		remove(path)
	}
}

// owned reports whether a file belongs to the user of this program.
func owned(st fs.FileInfo) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(sys.Uid) == os.Geteuid()
}

// remove removes the directory, the file with the lock last: if it cannot end what it began, the next one does.
func remove(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	errs := []error{err}
	for _, e := range entries {
		if e.Name() != marker && e.Name() != kept {
			errs = append(errs, os.RemoveAll(filepath.Join(path, e.Name())))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return os.RemoveAll(path)
}
