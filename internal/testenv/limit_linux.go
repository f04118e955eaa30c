package testenv

import (
	"os"
	"strconv"
	"strings"
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
