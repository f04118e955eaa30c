package testenv

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childVariable is set in the environment of InChild's process.
const childVariable = "EMBEDDEDPG_TEST_CHILD"

// childTime is how long a test may take in a process of its own.
const childTime = 12 * time.Minute

// InChild runs the test that calls it again in a process of its own, which may limit itself, and returns true there. In the
// test's own process it returns false when the other has ended, and the test's outcome is that one's.
func InChild(t *testing.T, env ...string) bool {
	t.Helper()
	if os.Getenv(childVariable) == t.Name() {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), childTime)
	defer cancel()
	pattern := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run="+pattern, "-test.v", "-test.count=1", fmt.Sprint("-test.short=", testing.Short()))
	cmd.Env = append(append(os.Environ(), env...), childVariable+"="+t.Name())
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	switch {
	case err != nil:
		t.Errorf("in a process of its own: %v\n%s", err, text)
	case strings.Contains(text, "--- SKIP: "+t.Name()):
		t.Skip(text)
	case !strings.Contains(text, "--- PASS: "+t.Name()):
		t.Errorf("the test did not run in a process of its own:\n%s", text)
	default:
		t.Log(text)
	}
	return false
}

// Become makes this process one of another user, for good: limits of processes count by user, and are none for root.
func Become(t testing.TB, uid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become a user that runs nothing else")
	}
	if err := syscall.Setgid(uid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setuid(uid); err != nil {
		t.Fatal(err)
	}
}
