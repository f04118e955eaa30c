package embeddedpg_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nself.org/embeddedpg"
)

// TestBranch: a branch has what the original had, from then on each has its own, and what Branch made goes with Close.
func TestBranch(t *testing.T) {
	for name, child := range map[string]bool{"in this process": false, "child process": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, embeddedpg.Config{
				DataDir: newCluster(t), Password: templatePassword, ChildProcess: child, Settings: map[string]string{"work_mem": "5MB"},
			})
			c := connect(t, s)
			exec(t, c, "CREATE TABLE t AS SELECT 1 AS i")
			branch, err := s.Branch(testContext(t), embeddedpg.Config{ChildProcess: child})
			if err != nil {
				t.Fatal(err)
			}
			defer branch.Close()
			b := connect(t, branch)
			exec(t, c, "UPDATE t SET i = 2")
			exec(t, b, "UPDATE t SET i = i + 10")
			if ours, theirs := one[int](t, c, "SELECT i FROM t"), one[int](t, b, "SELECT i FROM t"); ours != 2 || theirs != 11 {
				t.Error("the original has", ours, "and the branch", theirs)
			}
			for setting, want := range map[string]string{"work_mem": "5MB", "max_logical_replication_workers": "0"} {
				if got := one[string](t, b, "SELECT current_setting($1)", setting); got != want {
					t.Errorf("%s is %s in the branch, want %s", setting, got, want)
				}
			}
			dir := branch.DataDir()
			if err := branch.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Dir(dir)); !errors.Is(err, fs.ErrNotExist) {
				t.Error("left after Close:", dir, err)
			}
			noSlots(t, c)
		})
	}
}

// TestBranchKept: a branch with a data directory of its own stays, and one of a branch is no different.
func TestBranchKept(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	first, second := filepath.Join(parent, "first"), filepath.Join(parent, "second")
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	exec(t, connect(t, s), "CREATE TABLE t AS SELECT 1 AS i")
	branch, err := s.Branch(testContext(t), embeddedpg.Config{DataDir: first})
	if err != nil {
		t.Fatal(err)
	}
	defer branch.Close()
	exec(t, connect(t, branch), "INSERT INTO t VALUES (2)")
	grandchild, err := branch.Branch(testContext(t), embeddedpg.Config{DataDir: second})
	if err != nil {
		t.Fatal(err)
	}
	defer grandchild.Close()
	if n := one[int](t, connect(t, grandchild), "SELECT count(*)::int FROM t"); n != 2 {
		t.Error("rows in the branch of a branch:", n)
	}
	if err := branch.Close(); err != nil {
		t.Error(err)
	}
	again := start(t, embeddedpg.Config{DataDir: first, Password: templatePassword})
	if n := one[int](t, connect(t, again), "SELECT count(*)::int FROM t"); n != 2 {
		t.Error("rows in the branch when it is started again:", n)
	}
}

// TestBranchRefused: what cannot be is said before anything is copied, and nothing is left.
func TestBranchRefused(t *testing.T) {
	t.Parallel()
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	parent := t.TempDir()
	for name, test := range map[string]struct {
		config embeddedpg.Config
		want   string
	}{
		"CopyFrom":        {embeddedpg.Config{CopyFrom: parent}, "CopyFrom"},
		"its own":         {embeddedpg.Config{DataDir: s.DataDir()}, "in use"},
		"a wrong port":    {embeddedpg.Config{DataDir: filepath.Join(parent, "a"), Port: -1}, "Port"},
		"a wrong setting": {embeddedpg.Config{DataDir: filepath.Join(parent, "b"), Settings: map[string]string{"port": "1"}}, "port"},
	} {
		b, err := s.Branch(testContext(t), test.config)
		var told *embeddedpg.Error
		if b != nil || !errors.As(err, &told) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left, _ := os.ReadDir(parent); len(left) > 0 {
		t.Error("left behind:", left)
	}
}
