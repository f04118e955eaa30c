package testenv

import (
	"os"
	"path/filepath"
	"testing"

	"nself.org/embeddedpg/internal/hostdir"
)

func TestInMemory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	before := os.TempDir()
	var dir string
	code := inMemory(func() int {
		dir = os.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
			t.Error(err)
		}
		return 7
	})
	if code != 7 || os.TempDir() != before {
		t.Error(code, os.TempDir())
	}
	memory := hostdir.Memory()
	if memory == "" {
		t.Skip("no file system in memory with enough room")
	}
	if filepath.Dir(dir) != memory {
		t.Errorf("%s is not in %s", dir, memory)
	}
	if _, err := os.Lstat(dir); !os.IsNotExist(err) {
		t.Error("left behind:", dir)
	}
}
