package stress

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/testenv"
)

// held is what this process, with the server in it, holds of the system while no session is there.
type held struct {
	goroutines, threads, mappings int

	descriptors []string // but those of files in the data directory, which its processes keep open as they see fit
	memory      int      // bytes of anonymous and shared memory, in which a page mapped twice counts once
	files       int      // of the data directory
	bytes       int64    // in them
}

func (h held) String() string {
	return fmt.Sprintf("%d goroutines, %d threads, %d mappings, %d descriptors, %.1f MB of memory, %d files with %.1f MB",
		h.goroutines, h.threads, h.mappings, len(h.descriptors), float64(h.memory)/1e6, h.files, float64(h.bytes)/1e6)
}

// hold counts, after it let the Go runtime give back what it can.
func hold(t testing.TB, dir string) held {
	t.Helper()
	debug.FreeOSMemory()
	h := held{goroutines: runtime.NumGoroutine()}
	h.files, h.bytes = files(t, dir)
	if runtime.GOOS != "linux" {
		return h // the rest is counted by /proc
	}
	read := func(name string) string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	h.threads, h.mappings = len(tasks), strings.Count(read("/proc/self/maps"), "\n")
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && !strings.HasPrefix(to, dir+"/") {
			h.descriptors = append(h.descriptors, to)
		}
	}
	slices.Sort(h.descriptors)
	rollup := read("/proc/self/smaps_rollup")
	for _, part := range []string{"\nPss_Anon:", "\nPss_Shmem:"} {
		_, after, _ := strings.Cut(rollup, part)
		var kB int
		if _, err := fmt.Sscan(after, &kB); err != nil {
			t.Fatal(part, err)
		}
		h.memory += kB * 1024
	}
	return h
}

// settled waits until the server has seen the last session and background worker go, and their threads have ended.
func settled(t testing.TB, s *embeddedpg.Server, dir string) held {
	t.Helper()
	c := connect(t, s)
	end := time.Now().Add(limit)
	for busy := 1; busy > 0; time.Sleep(50 * time.Millisecond) {
		if err := c.QueryRow(context.Background(), `SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
			AND backend_type IN ('client backend', 'parallel worker', 'autovacuum worker')`).Scan(&busy); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatalf("%d sessions or workers did not end", busy)
		}
	}
	c.Close(context.Background())
	// The last of them may still be ending; the least of several looks, between which autovacuum may come and go.
	least := hold(t, dir)
	for range 20 {
		time.Sleep(100 * time.Millisecond)
		h := hold(t, dir)
		if cmp.Or(cmp.Compare(h.goroutines, least.goroutines), cmp.Compare(len(h.descriptors), len(least.descriptors)), cmp.Compare(h.memory, least.memory)) < 0 {
			least = h
		}
	}
	return least
}

// compare fails the test if more is held than before.
func (h held) compare(t *testing.T, before held) {
	t.Helper()
	if h.goroutines > before.goroutines {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines, %d before:\n%s", h.goroutines, before.goroutines, buf[:runtime.Stack(buf, true)])
	}
	if len(h.descriptors) > len(before.descriptors) {
		t.Errorf("descriptors are left; before:\n%s\nafter:\n%s", strings.Join(before.descriptors, "\n"), strings.Join(h.descriptors, "\n"))
	}
	// The Go runtime keeps threads and maps arenas as it sees fit.
	if h.threads > before.threads+5 || h.mappings > before.mappings+50 {
		t.Errorf("threads or mappings are left: %d and %d, before %d and %d", h.threads, h.mappings, before.threads, before.mappings)
	}
	if !testenv.Race && h.memory > before.memory+24<<20 {
		t.Errorf("memory grew from %d to %d bytes", before.memory, h.memory)
	}
	// Write-ahead log is recycled up to max_wal_size (16 files), and tables have forks that come when they are vacuumed.
	if h.files > before.files+40 {
		t.Errorf("files of the data directory grew from %d to %d", before.files, h.files)
	}
}
