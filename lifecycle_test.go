package embeddedpg_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/testenv"
)

// held is what a process holds of the system.
type held struct {
	goroutines, descriptors, mappings, threads int
	memory                                     int64 // bytes: proportional set size, in which a page mapped twice counts once
}

func (h held) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d mappings, %d threads, %.1f MB",
		h.goroutines, h.descriptors, h.mappings, h.threads, float64(h.memory)/1e6)
}

// holding counts, after it let the Go runtime give back what it can. It skips where there is no /proc.
func holding(t testing.TB) held {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("counts what a process holds by Linux's /proc")
	}
	debug.FreeOSMemory()
	count := func(dir string) int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	read := func(file string) string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	h := held{
		goroutines: runtime.NumGoroutine(), descriptors: count("/proc/self/fd"), threads: count("/proc/self/task"),
		mappings: strings.Count(read("/proc/self/maps"), "\n"),
	}
	for line := range strings.Lines(read("/proc/self/smaps_rollup")) {
		// Not the mapped compiled code: how much of it counts as this program's depends on who else maps it.
		if f := strings.Fields(line); f[0] == "Pss_Anon:" || f[0] == "Pss_Shmem:" {
			var kb int64
			fmt.Sscan(f[1], &kb)
			h.memory += kb * 1024
		}
	}
	return h
}

// withoutRaceDetector skips a test of figures that the race detector would change; `make test` runs it without.
func withoutRaceDetector(t *testing.T) {
	t.Helper()
	if testenv.Race {
		t.Skip("measures time or memory, which the race detector adds to")
	}
}

// cycle starts a server, uses it by both routes, and closes it. It leaves nothing for the test's end: a
// connection kept till then would count as growth.
func cycle(t testing.TB, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	s, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: dir, Password: templatePassword, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	for _, inProcess := range []bool{false, true} {
		cfg, err := pgconn.ParseConfig(s.ConnString(""))
		if err != nil {
			t.Fatal(err)
		}
		if inProcess {
			cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return s.Dial(ctx) }
		}
		c, err := pgconn.ConnectConfig(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(ctx) // after the server is closed, which does not wait for its clients
		if _, err := c.Exec(ctx, "CREATE TEMP TABLE t AS SELECT generate_series(1, 100)").ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// steady waits until what is held stays the same for a while.
func steady(t testing.TB) held {
	t.Helper()
	h := holding(t)
	for i, same := 0, 0; i < 250 && same < 5; i++ {
		time.Sleep(20 * time.Millisecond)
		last := h
		h = holding(t)
		if same++; h.goroutines != last.goroutines || h.descriptors != last.descriptors || h.threads != last.threads {
			same = 0
		}
	}
	return h
}

// settled waits until what is held has gone back to before, or a while has passed.
func settled(t testing.TB, before held) held {
	t.Helper()
	h := holding(t)
	for i := 0; i < 250 && (h.goroutines > before.goroutines || h.descriptors > before.descriptors); i++ {
		time.Sleep(20 * time.Millisecond)
		h = holding(t)
	}
	return h
}

// TestCloseLeavesNothing compares what the program holds before and after.
func TestCloseLeavesNothing(t *testing.T) {
	dir := newCluster(t)
	for range 2 {
		cycle(t, dir) // the runtime's own threads, arenas and caches
	}
	before := steady(t)
	for range 3 {
		cycle(t, dir)
	}
	after := settled(t, before)
	t.Log("before:", before)
	t.Log("after: ", after)
	if after.goroutines > before.goroutines {
		buf := make([]byte, 1<<20)
		t.Errorf("goroutines:\n%s", buf[:runtime.Stack(buf, true)])
	}
	if after.descriptors > before.descriptors {
		t.Error("descriptors are left")
	}
	// The Go runtime keeps threads and maps arenas as it sees fit.
	if after.mappings > before.mappings+10 {
		t.Error("mappings are left")
	}
	if after.threads > before.threads+3 {
		t.Error("threads are left")
	}
}

// TestCloseUnderLoad closes the server while clients use it.
func TestCloseUnderLoad(t *testing.T) {
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	exec(t, connect(t, s), "CREATE TABLE t (i int)")
	var wg sync.WaitGroup
	for i := range 8 {
		c := connect(t, s)
		if i%2 == 1 {
			c = dial(t, s)
		}
		wg.Go(func() {
			for {
				if _, err := c.Exec(context.Background(), "INSERT INTO t SELECT generate_series(1, 10)"); err != nil {
					return
				}
			}
		})
	}
	time.Sleep(200 * time.Millisecond)
	begin := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	t.Log("closed in", time.Since(begin))
	wg.Wait()
}

// TestManyCycles takes about 30 s.
func TestManyCycles(t *testing.T) {
	withoutRaceDetector(t)
	if testing.Short() {
		t.Skip("200 starts and stops take about 30 s")
	}
	dir := newCluster(t)
	for range 20 {
		cycle(t, dir)
	}
	before := steady(t)
	begin := time.Now()
	for range 200 {
		cycle(t, dir)
	}
	after := settled(t, before)
	t.Log("one cycle:", time.Since(begin)/200)
	t.Log("before:", before)
	t.Log("after: ", after)
	if after.descriptors > before.descriptors || after.goroutines > before.goroutines ||
		after.mappings > before.mappings+20 || after.threads > before.threads+3 {
		t.Error("something grows")
	}
	if grown := after.memory - before.memory; grown > 8<<20 {
		t.Errorf("memory grows by %d bytes", grown)
	}
}

// TestIdleConnections takes about 10 s.
func TestIdleConnections(t *testing.T) {
	withoutRaceDetector(t)
	if testing.Short() {
		t.Skip("300 connections take some seconds")
	}
	const n = 300
	s := start(t, embeddedpg.Config{
		DataDir: newCluster(t), Password: templatePassword,
		Settings: map[string]string{"max_connections": fmt.Sprint(n + 20)},
	})
	exec(t, connect(t, s), "SELECT 1")
	before := holding(t)
	begin := time.Now()
	conns := make([]*pgx.Conn, n)
	for i := range conns {
		conns[i] = connect(t, s)
		exec(t, conns[i], "SELECT 1")
	}
	t.Log("connect and first query:", time.Since(begin)/n)
	after := holding(t)
	t.Log("before:", before)
	t.Log("after: ", after)
	each := float64(after.memory-before.memory) / n / 1e6
	t.Logf("%.2f MB for each connection", each)
	if each > 1.5 {
		t.Error("more than 1.5 MB")
	}
	if got := one[int](t, conns[n-1], "SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend'"); got != n+1 {
		t.Error("connections:", got)
	}
}

// TestStartTime measures from Start to the first query's result, on a cluster that exists.
func TestStartTime(t *testing.T) {
	withoutRaceDetector(t)
	dir := newCluster(t)
	cycle(t, dir)
	const target = 60 * time.Millisecond
	best, rounds := time.Hour, 0
	for rounds = 0; rounds < 5 || best > target && rounds < 30 && !testing.Short(); rounds++ {
		if rounds >= 5 {
			time.Sleep(100 * time.Millisecond) // what else the machine does is not measured
		}
		begin := time.Now()
		s := start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword})
		started := time.Since(begin)
		one[int](t, connect(t, s), "SELECT 1")
		total := time.Since(begin)
		t.Log("ready in", started, "first query in", total)
		best = min(best, total)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if best > target && !testing.Short() {
		t.Errorf("best of %d is %v, and should be at most %v", rounds, best, target)
	}
}
