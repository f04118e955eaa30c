package branch_test

import (
	"os"
	"path/filepath"
	"testing"

	"nself.org/embeddedpg/cmd/nself/internal/branch"
)

// write makes files of these contents below a directory.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const commit = "8d2636da55da593c421e1cb09eea502a05556a69"

func TestGit(t *testing.T) {
	for name, tt := range map[string]struct {
		files             map[string]string
		branch, normal    string // that is checked out, and the default
		has, hasNot       []string
		noBranch, noStart bool // an error of the one, or of the other
	}{
		"new":      {files: map[string]string{".git/HEAD": "ref: refs/heads/main\n"}, branch: "main", normal: "main", has: []string{"main"}, hasNot: []string{"x"}},
		"trunk":    {files: map[string]string{".git/HEAD": "ref: refs/heads/trunk\n"}, branch: "trunk", normal: "trunk"},
		"slash":    {files: map[string]string{".git/HEAD": "ref: refs/heads/a/b\n", ".git/refs/heads/master": commit}, branch: "a/b", normal: "master"},
		"detached": {files: map[string]string{".git/HEAD": commit + "\n", ".git/refs/heads/main": commit}, branch: "", normal: "main"},
		"nowhere":  {files: map[string]string{".git/HEAD": commit + "\n"}, noStart: true},
		"origin": {
			files:  map[string]string{".git/HEAD": "ref: refs/heads/x\n", ".git/refs/heads/main": commit, ".git/refs/remotes/origin/HEAD": "ref: refs/remotes/origin/develop\n"},
			branch: "x", normal: "develop", has: []string{"main", "x"}, hasNot: []string{"develop"},
		},
		"packed": {
			files:  map[string]string{".git/HEAD": "ref: refs/heads/x\n", ".git/packed-refs": "# pack-refs with: peeled fully-peeled sorted \n" + commit + " refs/heads/a/b\n" + commit + " refs/tags/v1\n^" + commit + "\n"},
			branch: "x", normal: "x", has: []string{"a/b"}, hasNot: []string{"a", "v1"},
		},
		"worktree": {
			files: map[string]string{
				".git": "gitdir: main/.git/worktrees/w\n", "main/.git/worktrees/w/HEAD": "ref: refs/heads/w\n",
				"main/.git/worktrees/w/commondir": "../..\n", "main/.git/HEAD": "ref: refs/heads/main\n", "main/.git/refs/heads/main": commit,
			},
			branch: "w", normal: "main", has: []string{"main"}, hasNot: []string{"v"},
		},
		"reftable": {files: map[string]string{".git/HEAD": "ref: refs/heads/.invalid\n"}, noBranch: true, noStart: true},
		"odd":      {files: map[string]string{".git/HEAD": "ref: refs/elsewhere/x\n"}, noBranch: true, noStart: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tt.files)
			below := filepath.Join(dir, "a", "b")
			if err := os.MkdirAll(below, 0o755); err != nil {
				t.Fatal(err)
			}
			g, err := branch.FindGit(below)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := g.Branch(); got != tt.branch || (err != nil) != tt.noBranch {
				t.Errorf("on %q, want %q; %v", got, tt.branch, err)
			}
			if got, err := g.Default(); got != tt.normal || (err != nil) != tt.noStart {
				t.Errorf("the default is %q, want %q; %v", got, tt.normal, err)
			}
			for _, name := range tt.has {
				if !g.Has(name) {
					t.Error("it has no", name)
				}
			}
			for _, name := range tt.hasNot {
				if g.Has(name) {
					t.Error("it has", name)
				}
			}
		})
	}
	for name, text := range map[string]string{"empty": "", "elsewhere": "nonsense"} {
		dir := t.TempDir()
		write(t, dir, map[string]string{".git": text})
		if _, err := branch.FindGit(dir); err == nil {
			t.Error(name, "is a repository")
		}
	}
}

// TestResolve: which database follows from what Git says.
func TestResolve(t *testing.T) {
	for _, tt := range []struct{ head, current, git, want string }{
		{"ref: refs/heads/main", "x", "", "x"},
		{"ref: refs/heads/trunk", "x", "trunk", "main"},
		{"ref: refs/heads/new", "x", "trunk", "new"},
		{"ref: refs/heads/main", "x", "trunk", "main"},
		{commit, "x", "trunk", "x"},
	} {
		dir := t.TempDir()
		write(t, dir, map[string]string{".git/HEAD": tt.head + "\n"})
		if got, err := (branch.Head{Current: tt.current, Git: tt.git}).Resolve(dir); got != tt.want || err != nil {
			t.Errorf("%+v: %q, %v", tt, got, err)
		}
	}
}
