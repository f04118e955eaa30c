package branch

import (
	"cmp"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// headFile is where a store keeps its Head.
const headFile = ".head.json"

// Head says which branch commands act on.
type Head struct {
	Current string `json:"current"`            // as switched to last
	Git     string `json:"git_main,omitempty"` // not empty: the database follows Git, whose branch of this name has the main database
}

// Head returns what SetHead kept; without that, the main database is current.
func (s Store) Head() (Head, error) {
	path := filepath.Join(s.dir, headFile)
	h := Head{Current: Main}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENAMETOOLONG) { // whoever makes the directory says that it cannot be
		return h, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	if err != nil {
		return h, &fault.Error{Op: "find the current branch by", Path: path, Err: err, Hint: "remove that file: then the main database is current"}
	}
	h.Current = cmp.Or(h.Current, Main)
	return h, nil
}

// SetHead keeps which branch is current.
func (s Store) SetHead(h Head) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	text, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		return err
	}
	return hostdir.Replace(filepath.Join(s.dir, headFile), append(text, '\n'), 0o600)
}

// Resolve returns the branch that is current now, for a project in dir: where the database follows Git, the one that Git's
// branch has, which need not be there yet. While Git has no branch checked out, it is the one that was current last.
func (h Head) Resolve(dir string) (name string, err error) {
	if h.Git == "" {
		return h.Current, nil
	}
	r, err := FindGit(dir)
	if err != nil {
		return "", err
	}
	switch on, err := r.Branch(); {
	case err != nil:
		return "", err
	case on == "":
		return h.Current, nil
	case on == h.Git:
		return Main, nil
	default:
		return on, nil
	}
}
