//go:build linux

package resources

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/testenv"
)

// TestFigures logs what tools of the host say of the memory of a server with 200 idle sessions: docs/performance.md has it.
func TestFigures(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: 200 sessions take seconds")
	}
	if !testenv.InChild(t) {
		return
	}
	cfg := config(t, nil)
	cfg.Log = nil
	cfg.Settings["max_connections"] = "220"
	s := start(t, cfg)
	exec(t, mustConnect(t, s), "SELECT 1")
	memory(t, "1 session:    ")
	for range 199 {
		exec(t, mustConnect(t, s), "SELECT 1")
	}
	rss, pss, size := memory(t, "200 sessions: ")
	if rss < 2*pss {
		t.Error("RSS is not more than twice PSS")
	}
	if size < 200*addresses(t)>>10 {
		t.Error("a session has less address space than a 32-bit program can reach")
	}
}

// memory returns and logs resident set, proportional set and virtual size, in KiB.
func memory(t *testing.T, what string) (rss, pss, size uint64) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		t.Skip("needs /proc: ", err)
	}
	_, rest, _ := strings.Cut(string(b), "\nPss:")
	line, _, _ := strings.Cut(rest, "kB")
	if pss, err = strconv.ParseUint(strings.TrimSpace(line), 10, 64); err != nil {
		t.Fatal(err)
	}
	rss, size = testenv.Status(t, "VmRSS"), testenv.Status(t, "VmSize")
	t.Logf("%s RSS %d MiB, PSS %d MiB, virtual %d GiB", what, rss>>10, pss>>10, size>>20)
	return rss, pss, size
}
