package sessions

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/testenv"
)

// held is what this process, and so the server in it, holds of the system.
type held struct {
	goroutines, mappings, threads int

	files  int      // descriptors of data directories: a server's process keeps them open as it sees fit
	others []string // what the other descriptors are
	memory int      // bytes of anonymous and shared memory, in which a page mapped twice counts once
}

func (h held) String() string {
	return fmt.Sprintf("%d goroutines, %d files and %d other descriptors, %d mappings, %d threads, %.2f MB",
		h.goroutines, h.files, len(h.others), h.mappings, h.threads, float64(h.memory)/1e6)
}

// holding counts, after it let the Go runtime give back what it can. It skips where there is no /proc.
func holding(t testing.TB) held {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("counts what a process holds by Linux's /proc")
	}
	debug.FreeOSMemory()
	entries := func(dir string) []os.DirEntry {
		e, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	text := func(file string) string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	h := held{
		goroutines: runtime.NumGoroutine(), threads: len(entries("/proc/self/task")), mappings: strings.Count(text("/proc/self/maps"), "\n"),
	}
	for _, e := range entries("/proc/self/fd") {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.Contains(target, "/data/") {
			h.files++
		} else if err == nil {
			h.others = append(h.others, target)
		}
	}
	slices.Sort(h.others)
	// Not the file mappings: of the compiled code, a process counts less while others run it too.
	rollup := text("/proc/self/smaps_rollup")
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

// quiet starts a server of the test's own in which nothing happens but what the test does: a page of its
// shared buffers that another process touches would count as growth.
func quiet(t testing.TB) *embeddedpg.Server {
	t.Helper()
	s, err := embeddedpg.Start(testContext(t), embeddedpg.Config{Password: password, Settings: map[string]string{
		"autovacuum": "off", "shared_buffers": "8MB", "checkpoint_timeout": "1h", "bgwriter_lru_maxpages": "0",
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestErrorsFree catches a million errors in one session, of several kinds. Neither the backend's own memory
// contexts grow, nor the memory of this process, in which each longjmp that kept its exception would show.
func TestErrorsFree(t *testing.T) {
	if testenv.Race {
		t.Skip("measures memory, which the race detector adds to; make test runs it without")
	}
	warm, errors := 100_000, 1_000_000
	if testing.Short() {
		warm, errors = 5_000, 20_000 // a million takes some ten seconds; the long test is the one that counts
	}
	const allowed = 4 << 20
	s := quiet(t)
	c := connect(t, s)
	run(t, c, "CREATE TABLE t (i int PRIMARY KEY)")
	run(t, c, "INSERT INTO t VALUES (1)")
	run(t, c, `CREATE FUNCTION deep(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
		IF n > 0 THEN RETURN deep(n - 1); END IF;
		RAISE EXCEPTION 'bottom'; END $$`)
	run(t, c, `CREATE FUNCTION errors(n int, OUT caught int) LANGUAGE plpgsql AS $$ BEGIN
		caught := 0;
		FOR i IN 1..n LOOP
			BEGIN
				CASE i % 8
					WHEN 0 THEN PERFORM 'x'::text::int;
					WHEN 1 THEN PERFORM deep(5);
					WHEN 2 THEN PERFORM nothing FROM t;
					ELSE PERFORM 1 / (i - i);
				END CASE;
			EXCEPTION WHEN OTHERS THEN caught := caught + 1;
			END;
		END LOOP; END $$`)
	catch := func(n int) {
		t.Helper()
		for range 10 { // transactions: the catalogue's caches are settled at the end of each
			if got := one[int](t, c, "SELECT errors($1)", n/10); got != n/10 {
				t.Fatalf("caught %d errors of %d", got, n/10)
			}
		}
	}
	// uncaught errors end the statement, by another longjmp: that of PostgresMain.
	uncaught := func(n int) {
		t.Helper()
		for range n {
			if _, err := c.Exec(context.Background(), "SELECT 1 / 0"); sqlState(err) != "22012" {
				t.Fatal(err)
			}
		}
	}
	contexts := func() int {
		return one[int](t, c, "SELECT sum(total_bytes)::int FROM pg_backend_memory_contexts")
	}
	catch(warm)
	uncaught(warm / 100)
	contexts()
	before, used := holding(t), contexts()
	begin := time.Now()
	catch(errors)
	took := time.Since(begin)
	uncaught(errors / 100)
	after, usedAfter := holding(t), contexts()
	t.Logf("%d errors caught, %.1f µs each; then %d not caught", errors, took.Seconds()*1e6/float64(errors), errors/100)
	t.Logf("memory contexts: %d bytes before, %d after", used, usedAfter)
	t.Log("before:", before)
	t.Log("after: ", after)
	if grown := after.memory - before.memory; grown > allowed {
		t.Errorf("the process grew by %d bytes", grown)
	}
	if usedAfter > used+64<<10 {
		t.Errorf("the backend's memory contexts grew by %d bytes", usedAfter-used)
	}
}

// shortly opens a connection, makes a query, and closes it.
func shortly(cfg *pgx.ConnConfig) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	var pid uint32
	err = c.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid)
	if err == nil && pid != c.PgConn().PID() {
		err = fmt.Errorf("backend %d answers as %d", c.PgConn().PID(), pid)
	}
	return err
}

// TestShortConnections opens and closes connections, each with a query: over the Unix socket with a password
// every other one, else within the program.
func TestShortConnections(t *testing.T) {
	if testenv.Race {
		t.Skip("measures memory, which the race detector adds to; make test runs it without")
	}
	if testing.Short() {
		t.Skip("-short: 10,000 connections take half a minute")
	}
	const warm, n = 500, 10_000
	s := quiet(t)
	run(t, connect(t, s), "SELECT 1")
	inside, err := pgx.ParseConfig("user=postgres dbname=postgres sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	inside.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return s.Dial(ctx) }
	outside, err := pgx.ParseConfig(s.ConnString(""))
	if err != nil {
		t.Fatal(err)
	}
	connections := func(n int) {
		t.Helper()
		var wg sync.WaitGroup
		errs := make(chan error, 4)
		for range cap(errs) {
			wg.Go(func() {
				for i := range n / cap(errs) {
					if err := shortly([]*pgx.ConnConfig{outside, inside}[i%2]); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		wg.Wait()
		select {
		case err := <-errs:
			t.Fatal(err)
		default:
		}
	}
	// settled waits until the server has seen the last clients go.
	watch := connect(t, s)
	settled := func(before held) (h held) {
		eventually(t, watch, "the end of all backends", "SELECT count(*) = 2 FROM pg_stat_activity WHERE backend_type = 'client backend'")
		for range 100 { // the last backends' threads, which end a little later
			time.Sleep(50 * time.Millisecond)
			if h = holding(t); h.goroutines <= before.goroutines && len(h.others) <= len(before.others) {
				break
			}
		}
		return h
	}
	connections(warm)
	before := settled(held{goroutines: 1000, others: make([]string, 1000)})
	begin := time.Now()
	connections(n)
	took := time.Since(begin)
	after := settled(before)
	t.Logf("%d connections, %v each", n, took/time.Duration(n))
	t.Log("before:", before)
	t.Log("after: ", after)
	if after.goroutines > before.goroutines || len(after.others) > len(before.others) || after.files > before.files+50 {
		t.Errorf("goroutines or descriptors are left; open before:\n%s\nafter:\n%s", strings.Join(before.others, "\n"), strings.Join(after.others, "\n"))
	}
	// The Go runtime keeps threads and maps arenas as it sees fit.
	if after.mappings > before.mappings+20 || after.threads > before.threads+3 {
		t.Error("mappings or threads are left")
	}
	if grown := after.memory - before.memory; grown > 8<<20 {
		t.Errorf("the process grew by %d bytes", grown)
	}
}
