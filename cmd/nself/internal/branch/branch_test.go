package branch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg/cmd/nself/internal/branch"
	"nself.org/embeddedpg/internal/fault"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "feature/login", "dependabot/npm_and_yarn/x-1.2.3", "fix#12", "user@x", "größe", "CON", "100%", "a+b"} {
		if err := branch.CheckName(name); err != nil {
			t.Error(err)
		}
		s := branch.In("/r")
		if dir := s.Runtime(name); filepath.Dir(dir) != "/r/branches" || strings.HasPrefix(filepath.Base(dir), ".") {
			t.Errorf("%s is in %s", name, dir)
		}
	}
	for _, name := range []string{"", "main", ".", "..", ".x", "-x", "/x", "x/", "a/../b", "a b", "a\nb", "a\x00", "a:b", "a*", `a\b`, strings.Repeat("a", 201), strings.Repeat("/", 90)} {
		var e *fault.Error
		if err := branch.CheckName(name); !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestStore: a branch is there once it was filled, not before and not if that failed, and is gone once it was deleted.
func TestStore(t *testing.T) {
	ctx := context.Background()
	s := branch.In(t.TempDir())
	list := func(want ...string) {
		t.Helper()
		all, err := s.List()
		var names []string
		for _, b := range all {
			names = append(names, b.Name)
		}
		if err != nil || !slices.Equal(names, want) {
			t.Errorf("%v, want %v; %v", names, want, err)
		}
	}
	list()
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	for _, name := range []string{"b", "a/x"} {
		err := s.Create(ctx, branch.Branch{Name: name, Expires: until}, func(dir string) error {
			if _, err := s.Get(name); !errors.Is(err, branch.ErrUnknown) {
				t.Error("half a branch is one:", err)
			}
			return os.WriteFile(filepath.Join(dir, "data"), []byte(name), 0o600)
		})
		if err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(s.Runtime(name), "data")); string(text) != name {
			t.Error(string(text), err)
		}
	}
	list("a/x", "b")
	if b, err := s.Get("a/x"); err != nil || b.Expired(time.Now()) || !b.Expired(until) || !b.Expires.Equal(until) {
		t.Error(b, err)
	}
	if err := s.Create(ctx, branch.Branch{Name: "b"}, func(string) error { return nil }); err == nil {
		t.Error("made twice")
	}
	failure := errors.New("no")
	if err := s.Create(ctx, branch.Branch{Name: "c"}, func(string) error { return failure }); !errors.Is(err, failure) {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(ctx)
	if err := s.Create(gone, branch.Branch{Name: "c"}, func(string) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	list("a/x", "b")
	if err := s.Delete(ctx, "c"); !errors.Is(err, branch.ErrUnknown) {
		t.Error(err)
	}
	for _, name := range []string{"b", "a/x"} {
		if err := s.Delete(ctx, name); err != nil {
			t.Error(err)
		}
	}
	list()
	if err := s.Forget(); err != nil {
		t.Error(err)
	}
}

// TestKilled: what killed programs leave is no branch, and the next one clears it.
func TestKilled(t *testing.T) {
	ctx, runtime := context.Background(), t.TempDir()
	s := branch.In(runtime)
	dir := filepath.Join(runtime, "branches")
	for _, name := range []string{".new-123/pgdata", ".removing-4/branch", "stray"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := s.List(); len(all) > 0 || err != nil {
		t.Error(all, err)
	}
	if err := s.Create(ctx, branch.Branch{Name: "a"}, func(string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, []string{".lock", "a", "stray"}) {
		t.Error(names)
	}
}

// TestLock: while one makes a branch, another waits, and gives up with its context.
func TestLock(t *testing.T) {
	s := branch.In(t.TempDir())
	err := s.Create(context.Background(), branch.Branch{Name: "a"}, func(string) error {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if err := s.Create(ctx, branch.Branch{Name: "b"}, func(string) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestHead(t *testing.T) {
	runtime := t.TempDir()
	s := branch.In(runtime)
	if h, err := s.Head(); err != nil || h.Current != branch.Main {
		t.Error(h, err)
	}
	if err := s.SetHead(branch.Head{Current: "a", Git: "trunk"}); err != nil {
		t.Fatal(err)
	}
	if h, err := s.Head(); err != nil || h.Current != "a" || h.Git != "trunk" {
		t.Error(h, err)
	}
	if err := os.WriteFile(filepath.Join(runtime, "branches", ".head.json"), []byte(`{"curr`), 0o600); err != nil {
		t.Fatal(err)
	}
	var e *fault.Error
	if _, err := s.Head(); !errors.As(err, &e) || e.Hint == "" {
		t.Error("half a file names a branch:", err)
	}
}
