package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Stop stops a process as SIGSTOP does, and returns when all of it has stopped: until then a thread may
// still run for some milliseconds.
func Stop(t testing.TB, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); !stopped(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d does not stop", pid)
		}
	}
}

func stopped(pid int) bool {
	threads, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "stat"))
	for _, name := range threads {
		if b, err := os.ReadFile(name); err == nil && !strings.Contains(string(b), ") T ") {
			return false
		}
	}
	if len(threads) > 0 {
		return true
	}
	out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output() // no /proc
	return strings.HasPrefix(strings.TrimSpace(string(out)), "T")
}
