package supervisor_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

func TestExtensions(t *testing.T) {
	p, err := supervisor.NewPaths(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(p.Runtime, "extensions")
	if got := p.Extensions(); got != nil {
		t.Errorf("without the folder: %v", got)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := p.Extensions(); got != nil {
		t.Errorf("a file of that name: %v", got)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := p.Extensions(); !slices.Equal(got, []string{dir}) {
		t.Errorf("with the folder: %v", got)
	}
}
