package testenv

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Limit sets a resource limit of this process for good.
func Limit(t testing.TB, resource int, n uint64) {
	t.Helper()
	if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: n, Max: n}); err != nil {
		t.Skip("setting the limit: ", err)
	}
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

// Status returns a field of /proc/self/status that is a number, such as Threads, or VmSize in KiB.
func Status(t testing.TB, field string) uint64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("needs /proc: ", err)
	}
	_, rest, _ := strings.Cut(string(b), "\n"+field+":")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	n, err := strconv.ParseUint(strings.TrimSuffix(number, " kB"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
