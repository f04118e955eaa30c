package main

import (
	"context"
	"os"
	"strings"
	"testing"
)

// TestFullOutput: a command whose output is lost fails, whatever the command.
func TestFullOutput(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("needs a device that is always full: ", err)
	}
	defer full.Close()
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"version"}, {"version", "--json"}, {"--version"}, {"licenses"}, {"help"}, {"start", "--help"}, {"init"}, {"completion", "bash"}, {"backup", "list", "--dir", t.TempDir()}} {
		var stderr strings.Builder
		if code := run(context.Background(), args, full, &stderr); code == 0 || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("%v: exit code %d, %q", args, code, stderr.String())
		}
	}
}
