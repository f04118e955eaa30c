package supervisor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"nself.org/embeddedpg/internal/fault"
)

// Destroy removes the database of a runtime directory, and with all also the log and the password, and returns
// what it removed. It touches nothing that is not this package's, and nothing while a supervisor runs. A data
// directory is taken away by a rename first, so that half of one is never taken for a database.
func Destroy(p Paths, all bool) (removed []string, err error) {
	if _, err := os.Stat(p.Runtime); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	lock, err := p.holdLock()
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	doomed := p.Data() + ".removing"
	if err := os.RemoveAll(doomed); err != nil { // of a run that was killed
		return nil, err
	}
	switch _, err := os.Stat(filepath.Join(p.Data(), "PG_VERSION")); {
	case err == nil:
		if err := os.Rename(p.Data(), doomed); err != nil {
			return nil, err
		}
		if err := os.RemoveAll(doomed); err != nil {
			return nil, err
		}
		removed = append(removed, p.Data())
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	default:
		if err := os.Remove(p.Data()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, &fault.Error{Op: "remove", Path: p.Data(), Err: errors.New("it is not a database directory, and not empty"), Hint: "check what is in it, and remove it by hand"}
		}
	}
	if err := os.Remove(p.state()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return removed, err
	}
	p.unlink()
	if !all {
		return removed, nil
	}
	logs, err := filepath.Glob(filepath.Join(p.Runtime, "postgres*.log")) // with the rotated ones
	if err != nil {
		return removed, err
	}
	for _, name := range append(logs, p.PasswordFile(), p.lock()) {
		if err := os.Remove(name); err == nil {
			removed = append(removed, name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return removed, err
		}
	}
	os.Remove(p.gitignore())
	os.Remove(p.Runtime) // fails while something else is in it
	return removed, nil
}
