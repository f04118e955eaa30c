//go:build unix

package hostdir_test

import (
	"errors"
	"os"
	"os/user"
	"testing"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

func TestHome(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Skip(err)
	}
	for value, want := range map[string]string{"/anywhere": "/anywhere", "": me.HomeDir, "relative/home": me.HomeDir, "~": me.HomeDir} {
		t.Setenv("HOME", value)
		if got, err := hostdir.Home(); err != nil || got != want {
			t.Errorf("HOME=%q: %q, want %q; %v", value, got, want, err)
		}
	}
}

// TestNoTemporaryDirectory: the error names the variable that a person can set.
func TestNoTemporaryDirectory(t *testing.T) {
	missing := t.TempDir() + "/missing"
	t.Setenv("TMPDIR", missing)
	_, dirErr := hostdir.MakeTemp("", "x-")
	_, fileErr := hostdir.CreateTemp("x-")
	for _, err := range []error{dirErr, fileErr} {
		var e *fault.Error
		if !errors.As(err, &e) || !errors.Is(err, os.ErrNotExist) || e.Path != missing || e.Hint == "" {
			t.Errorf("%T: %v", err, err)
		}
	}
}
