package embeddedpg_test

import (
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/fault"
)

// TestPublicTypes has no exported name of the package be another name of an internal type, and every field documented.
func TestPublicTypes(t *testing.T) {
	out, err := osexec.Command("go", "doc", "-all", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "type ") && strings.Contains(line, " = ") {
			t.Errorf("an alias: %s", line)
		}
	}
	for _, symbol := range []string{"Backup.Size", "BackupProgress.Done", "Restored.Kept", "PruneOptions.Keep", "VerifiedBackup.Rows", "Error.Hint"} {
		if out, err := osexec.Command("go", "doc", symbol).CombinedOutput(); err != nil {
			t.Errorf("go doc %s: %v: %s", symbol, err, out)
		}
	}
}

// TestPublicErrors has errors of inner packages, alone and wrapped, arrive as the public type and keep their reasons.
func TestPublicErrors(t *testing.T) {
	reason := errors.New("a reason")
	inner := &fault.Error{Op: "do", Path: "it", Hint: "try again", Err: reason}
	for _, err := range []error{inner, fmt.Errorf("more: %w", inner), errors.Join(errors.New("first"), inner)} {
		got := embeddedpg.Public(err)
		var e *embeddedpg.Error
		if !errors.As(got, &e) || e.Op != "do" || e.Path != "it" || e.Hint != "try again" || !errors.Is(got, reason) || got.Error() != err.Error() {
			t.Errorf("%v became %v, with %+v", err, got, e)
		}
		var shared *fault.Error
		if !errors.As(got, &shared) || shared.Hint != "try again" {
			t.Errorf("%v: not for the command: %v", err, shared)
		}
	}
	if plain := errors.New("x"); embeddedpg.Public(nil) != nil || embeddedpg.Public(plain) != plain {
		t.Error("other errors are changed")
	}
	// Through a call: a data directory that is a file.
	file := filepath.Join(t.TempDir(), "file")
	try(t, os.WriteFile(file, nil, 0o600))
	var e *embeddedpg.Error
	if _, err := embeddedpg.Start(t.Context(), embeddedpg.Config{DataDir: file}); !errors.As(err, &e) || e.Path != file {
		t.Error(err)
	}
	if _, err := embeddedpg.FindBackup(t.Context(), t.TempDir(), "", "latest"); !errors.As(err, &e) || !errors.Is(err, embeddedpg.ErrNoBackup) {
		t.Error(err)
	}
	if _, err := embeddedpg.VerifyBackup(t.Context(), &embeddedpg.Backup{ID: "mine"}, embeddedpg.VerifyBackupOptions{}); !errors.As(err, &e) {
		t.Error(err)
	}
}
