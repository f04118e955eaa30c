//go:build unix

package hostdir_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/testenv"
)

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for text, replace := range map[string]func(string, []byte, fs.FileMode) error{
		"flushed": hostdir.Replace, "unflushed": hostdir.ReplaceUnflushed, "flushed again": hostdir.Replace,
	} {
		if err := replace(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Errorf("%q, %v; want %q", got, err, text)
		}
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o640 {
			t.Errorf("mode %v, %v", st.Mode(), err)
		}
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("%v, %v: something is left over", names, err)
	}
}

// A replacement that fails leaves the old file and nothing else.
func TestReplaceFails(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	testenv.AsNobody(t, func() {
		if err := hostdir.Replace(old, []byte("new"), 0o600); !errors.Is(err, os.ErrPermission) {
			t.Errorf("in a directory that cannot be written: %v", err)
		}
	})
	if got, err := os.ReadFile(old); err != nil || string(got) != "old" {
		t.Errorf("%q, %v", got, err)
	}
	dir = t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := hostdir.Replace(path, []byte("new"), 0o600); err == nil {
		t.Error("a directory was replaced by a file")
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("%v, %v: something is left over", names, err)
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	a, b, c := open(), open(), open()
	if err := hostdir.TryShare(a); err != nil {
		t.Fatal(err)
	}
	if err := hostdir.TryShare(b); err != nil {
		t.Error("shared by two:", err)
	}
	if err := hostdir.TryLock(c); !errors.Is(err, hostdir.ErrLocked) {
		t.Error("taken while two share it:", err)
	}
	if err := errors.Join(hostdir.Unlock(a), b.Close()); err != nil {
		t.Fatal(err)
	}
	if err := hostdir.TryLock(c); err != nil {
		t.Error("free, and not taken:", err)
	}
	if err := hostdir.TryShare(a); !errors.Is(err, hostdir.ErrLocked) {
		t.Error("shared while another has it alone:", err)
	}
	waited := make(chan error, 1)
	go func() { waited <- hostdir.WaitLock(a) }()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Error("waited for:", err)
	}
}
