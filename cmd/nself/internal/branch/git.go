package branch

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"nself.org/embeddedpg/internal/fault"
)

// Git is a repository of Git's, whose files are read as gitrepository-layout(5) has them; no git is needed.
type Git struct {
	dir    string // .git, or of a worktree the one below .git/worktrees
	common string // .git
}

const heads = "refs/heads/"

// FindGit returns the repository that a directory is in.
func FindGit(dir string) (Git, error) {
	for at := dir; ; at = filepath.Dir(at) {
		path := filepath.Join(at, ".git")
		st, err := os.Stat(path)
		switch {
		case err == nil && st.IsDir():
			return openGit(path)
		case err == nil:
			text, err := os.ReadFile(path)
			to, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir: ")
			if err != nil || !ok {
				return Git{}, notGit(path, errors.Join(err, errors.New("it names no directory of Git's")))
			}
			return openGit(within(at, to))
		case at == filepath.Dir(at):
			return Git{}, notGit(dir, errors.New("it is in no repository"))
		}
	}
}

func notGit(path string, err error) error {
	return &fault.Error{Op: "ask Git in", Path: path, Err: err, Hint: "nself branch --per-git-branch=false: then the database does not follow Git"}
}

func openGit(dir string) (Git, error) {
	g := Git{dir, dir}
	text, err := os.ReadFile(filepath.Join(dir, "commondir"))
	switch {
	case err == nil:
		g.common = within(dir, strings.TrimSpace(string(text)))
	case !errors.Is(err, fs.ErrNotExist):
		return g, notGit(dir, err)
	}
	return g, nil
}

func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// Branch returns the branch that is checked out; "" if HEAD is detached.
func (g Git) Branch() (string, error) {
	path := filepath.Join(g.dir, "HEAD")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", notGit(path, err)
	}
	ref, symbolic := strings.CutPrefix(strings.TrimSpace(string(text)), "ref: ")
	name, ok := strings.CutPrefix(ref, heads)
	switch {
	case !symbolic:
		return "", nil
	case !ok || name == ".invalid": // what a repository with the reftable format has there
		return "", notGit(path, errors.New("it does not name a branch, as in a repository whose references are in a reftable"))
	}
	return name, nil
}

// Has reports whether there is a branch, or may be one.
func (g Git) Has(name string) bool {
	if on, err := g.Branch(); err != nil || on == name {
		return true // the one checked out may have no commit yet
	}
	if _, err := os.Stat(filepath.Join(g.common, filepath.FromSlash(heads+name))); !errors.Is(err, fs.ErrNotExist) {
		return true
	}
	packed, err := os.ReadFile(filepath.Join(g.common, "packed-refs"))
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	lines := bufio.NewScanner(bytes.NewReader(packed))
	for lines.Scan() {
		if _, ref, _ := strings.Cut(lines.Text(), " "); ref == heads+name {
			return true
		}
	}
	return lines.Err() != nil
}

// Default returns the branch that Git's work begins with: the origin's, else main or master if there is one, else the one that
// is checked out.
func (g Git) Default() (string, error) {
	on, err := g.Branch()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(filepath.Join(g.common, "refs", "remotes", "origin", "HEAD"))
	if err == nil {
		if name, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "ref: refs/remotes/origin/"); ok {
			return name, nil
		}
	}
	for _, name := range []string{"main", "master"} {
		if g.Has(name) {
			return name, nil
		}
	}
	if on == "" {
		return "", notGit(g.dir, errors.New("no branch is checked out"))
	}
	return on, nil
}
