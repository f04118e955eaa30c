package branch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// Main is the name of the database that is no branch.
const Main = "main"

// ErrUnknown is in the error of a name that no branch has.
var ErrUnknown = errors.New("there is no such branch")

// Branch is what is kept of one.
type Branch struct {
	Name    string    `json:"name"`
	From    string    `json:"from"` // what it was made of, for people
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero"` // zero: it stays
	Git     bool      `json:"git,omitempty"`    // it was made for the branch of Git that has its name
}

// Expired reports whether the branch's time is over.
func (b Branch) Expired(now time.Time) bool { return !b.Expires.IsZero() && !b.Expires.After(now) }

// Store is the branches of one database. It may be used by several processes at once.
type Store struct {
	main string // the main database's runtime directory
	dir  string
}

// In returns the branches of the database in a runtime directory.
func In(runtime string) Store { return Store{runtime, filepath.Join(runtime, "branches")} }

// about is the file in a branch's directory that makes it one.
const about = "branch.json"

// Runtime is the runtime directory of a branch, or of the main database.
func (s Store) Runtime(name string) string {
	if name == Main {
		return s.main
	}
	return filepath.Join(s.dir, url.PathEscape(name))
}

// CheckName refuses what cannot be a branch's name. Names of Git's branches can; the directory has their slashes escaped.
func CheckName(name string) error {
	bad := func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune(`~^:?*[\`, c) }
	var why string
	switch {
	case name == "":
		why = "it is empty"
	case name == Main:
		why = "the main database has this name"
	case len(url.PathEscape(name)) > 200:
		why = "it is too long"
	case strings.IndexFunc(name, bad) >= 0 || strings.ContainsAny(name[:1], ".-/") || strings.HasSuffix(name, "/") || strings.Contains(name, ".."):
		why = "it is no name for a branch"
	default:
		return nil
	}
	return &fault.Error{Op: "name a branch", Path: name, Err: errors.New(why), Hint: "use letters, digits, and - _ . / within"}
}

// Get returns a branch, or ErrUnknown.
func (s Store) Get(name string) (Branch, error) {
	unknown := func(err error) error {
		return &fault.Error{Op: "use the branch", Path: name, Err: err, Hint: "nself branch list shows those that are there"}
	}
	if CheckName(name) != nil {
		return Branch{}, unknown(ErrUnknown)
	}
	b, err := s.read(url.PathEscape(name))
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrUnknown
	}
	if err != nil {
		return b, unknown(err)
	}
	return b, nil
}

func (s Store) read(entry string) (b Branch, err error) {
	text, err := os.ReadFile(filepath.Join(s.dir, entry, about))
	if err != nil {
		return b, err
	}
	if err := json.Unmarshal(text, &b); err != nil {
		return b, fmt.Errorf("%s: %w", about, err)
	}
	return b, nil
}

// List returns the branches without the main database, sorted by name.
func (s Store) List() ([]Branch, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &fault.Error{Op: "list the branches in", Path: s.dir, Err: err}
	}
	var list []Branch
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		switch b, err := s.read(e.Name()); {
		case err == nil:
			list = append(list, b)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, &fault.Error{Op: "read", Path: filepath.Join(s.dir, e.Name()), Err: err, Hint: "check that directory, and move it away"}
		}
	}
	slices.SortFunc(list, func(a, b Branch) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Names of directories in the store that are no branches. A branch's name does not begin with a dot.
const (
	half   = ".new-"      // one that is being made
	doomed = ".removing-" // one that is being removed
)

// Create makes a branch: fill makes its runtime directory's contents, in a directory that becomes the branch's in one rename.
// Until then there is none, whatever happens. fill flushes what it makes.
func (s Store) Create(ctx context.Context, b Branch, fill func(runtime string) error) error {
	if err := CheckName(b.Name); err != nil {
		return err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	final := s.Runtime(b.Name)
	if _, err := os.Lstat(final); err == nil {
		return &fault.Error{Op: "create the branch", Path: b.Name, Err: errors.New("there is one of this name"), Hint: "give another name, or remove it: nself branch delete " + b.Name}
	}
	stage, err := os.MkdirTemp(s.dir, half)
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage) // fails after the rename: nothing has the name then
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	if err := fill(stage); err != nil {
		return err
	}
	if err := hostdir.Replace(filepath.Join(stage, about), append(text, '\n'), 0o600); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.Rename(stage, final); err != nil {
		return err
	}
	return hostdir.SyncPath(s.dir)
}

// Delete removes a branch, on which nothing may run. It is taken away by a rename first.
func (s Store) Delete(ctx context.Context, name string) error {
	if _, err := s.Get(name); err != nil {
		return err
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	away, err := os.MkdirTemp(s.dir, doomed)
	if err != nil {
		return err
	}
	if err := os.Rename(s.Runtime(name), filepath.Join(away, "branch")); err != nil {
		return errors.Join(err, os.Remove(away))
	}
	return errors.Join(hostdir.SyncPath(s.dir), os.RemoveAll(away))
}

// Forget removes what is left of a store without branches.
func (s Store) Forget() error {
	for _, name := range []string{headFile, lockFile} {
		if err := os.Remove(filepath.Join(s.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Remove(s.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
