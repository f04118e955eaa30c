package embeddedpg_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/abi"
)

// keptLog is a handler that keeps the messages.
type keptLog struct {
	slog.Handler
	mu *struct {
		sync.Mutex
		messages []string
	}
}

func keepLog(h slog.Handler) keptLog {
	return keptLog{h, &struct {
		sync.Mutex
		messages []string
	}{}}
}

func (l keptLog) Handle(ctx context.Context, r slog.Record) error {
	l.mu.Lock()
	l.mu.messages = append(l.mu.messages, r.Message)
	l.mu.Unlock()
	return l.Handler.Handle(ctx, r)
}

// count counts the messages so far that contain text.
func (l keptLog) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.mu.messages {
		if strings.Contains(m, text) {
			n++
		}
	}
	return n
}

// again connects as soon as the server, which recovers, lets it. While the postmaster ends all it has
// started, it may end a new connection's process too, before that has said anything. But it always listens.
func again(t *testing.T, s *embeddedpg.Server) *pgx.Conn {
	t.Helper()
	ctx := testContext(t)
	for {
		c, err := pgx.Connect(ctx, s.ConnString(""))
		if err == nil {
			t.Cleanup(func() { c.Close(context.Background()) })
			return c
		}
		e := (*pgconn.PgError)(nil)
		if errors.As(err, &e) && e.Code != "57P03" /* cannot connect now */ || errors.Is(err, syscall.ECONNREFUSED) || ctx.Err() != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// bystander starts a session that sleeps in a statement until its connection ends. The channel then has the
// SQLSTATE of the last message that it got.
func bystander(t *testing.T, s *embeddedpg.Server) <-chan string {
	t.Helper()
	cfg, err := pgx.ParseConfig(s.ConnString(""))
	if err != nil {
		t.Fatal(err)
	}
	code := ""
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { code = n.Code }
	c, err := pgx.ConnectConfig(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	exec(t, c, "CREATE TEMP TABLE mine (i int)")
	ctx := testContext(t)
	told := make(chan string, 1)
	go func() {
		_, err := c.Exec(ctx, "SELECT pg_sleep(60)")
		if err == nil || !c.IsClosed() {
			code = "nothing"
		}
		c.Close(ctx)
		told <- code
	}()
	return told
}

// killing is the server of TestKillBackend.
type killing struct {
	s          *embeddedpg.Server
	c          *pgx.Conn // each round makes it anew
	log        keptLog
	postmaster string // when it started
}

// backendOf returns a process of PostgreSQL's own.
func (k *killing) backendOf(kind string) func(*testing.T) int {
	return func(t *testing.T) int {
		return one[int](t, k.c, "SELECT min(pid) FROM pg_stat_activity WHERE backend_type = $1", kind)
	}
}

// doing returns a session that runs a statement, after another in the same transaction.
func (k *killing) doing(sql string) func(*testing.T) int {
	return func(t *testing.T) int {
		victim := connect(t, k.s)
		pid := int(victim.PgConn().PID())
		exec(t, victim, "BEGIN")
		exec(t, victim, "INSERT INTO t SELECT -i, repeat('x', 200) FROM generate_series(1, 1000) i")
		exec(t, victim, "SELECT pg_advisory_lock(1)")
		if sql == "" {
			return pid
		}
		ctx := testContext(t)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if err := victim.PgConn().Exec(ctx, sql).Close(); err == nil {
				t.Errorf("%s: succeeds", sql)
			}
		}()
		t.Cleanup(func() { <-ended })
		for !one[bool](t, k.c, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND query = $2)", pid, sql) {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(30 * time.Millisecond) // so that it is at it
		return pid
	}
}

// round kills a process after a row of this round was committed, and looks at what every session sees of that.
func (k *killing) round(outer, t *testing.T, round int, victim func(*testing.T) int, says string) {
	exec(t, k.c, "INSERT INTO t VALUES ($1, 'stays')", round)
	told := bystander(t, k.s)
	pid := victim(t)
	crashes := k.log.count("terminated by signal 9")
	begin := time.Now()
	if err := embeddedpg.Kernel(k.s).Kill(pid, abi.SIGKILL); err != nil {
		t.Fatal(err)
	}

	// Every other session is told, and ends.
	if code := <-told; code != "57P02" { // crash shutdown
		t.Errorf("the bystander was told %q", code)
	}
	k.c.Close(testContext(t))
	k.c = again(outer, k.s)
	t.Logf("a new session works %v after the kill", time.Since(begin))
	if n := k.log.count("terminated by signal 9"); n != crashes+1 {
		t.Errorf("the log tells of %d crashes, want 1", n-crashes)
	}
	if text := fmt.Sprintf("%s (PID %d) was terminated by signal 9", says, pid); k.log.count(text) != 1 {
		t.Errorf("the log does not say %q", text)
	}
	if n := k.log.count("all server processes terminated; reinitializing"); n != round+1 {
		t.Errorf("the postmaster reinitialised %d times, want %d", n, round+1)
	}
	k.recovered(t, round)
}

// recovered checks what is there after a round: what was committed, and nothing else.
func (k *killing) recovered(t *testing.T, round int) {
	if got := one[int](t, k.c, "SELECT count(*)::int FROM t"); got != round+1 {
		t.Errorf("%d rows, want %d: those committed", got, round+1)
	}
	if got := one[int](t, k.c, "SELECT count(*)::int FROM u"); got != 0 {
		t.Errorf("%d rows in the unlogged table, which is emptied in recovery", got)
	}
	if !one[bool](t, k.c, "SELECT pg_try_advisory_lock(1)") {
		t.Error("the lock of the killed session is held")
	}
	if got := one[string](t, k.c, "SELECT pg_postmaster_start_time()::text"); got != k.postmaster {
		t.Error("another postmaster, started", got)
	}
	exec(t, k.c, "INSERT INTO u VALUES (1)")
	exec(t, k.c, "SELECT pg_advisory_unlock(1)")
	other := connect(t, k.s)
	if got := one[string](t, other, "SELECT filler FROM t WHERE i = $1", round); got != "stays" {
		t.Error(got)
	}
	other.Close(testContext(t))
}

// TestKillBackend kills single processes of the server as kill -9 does. PostgreSQL must suppose that the
// shared memory is damaged, so the postmaster ends all sessions, throws the memory away, recovers from the
// write-ahead log, and goes on: what was committed is there, what was not is gone, and new sessions work.
func TestKillBackend(t *testing.T) {
	t.Parallel()
	log := keepLog(testLog(t))
	dir := newCluster(t)
	k := &killing{s: start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword, Log: log}), log: log}
	k.c = connect(t, k.s)
	exec(t, k.c, "CREATE TABLE t (i int PRIMARY KEY, filler text)")
	exec(t, k.c, "CREATE UNLOGGED TABLE u AS SELECT generate_series(1, 10) AS i")
	k.postmaster = one[string](t, k.c, "SELECT pg_postmaster_start_time()::text")

	type kill struct {
		name   string
		short  bool // with -short too
		victim func(*testing.T) int
		says   string // the postmaster, of the victim
	}
	cases := []kill{
		{"idle in transaction", true, k.doing(""), "client backend"},
		{"sleeping", false, k.doing("SELECT pg_sleep(600)"), "client backend"},
		{"computing", true, k.doing("SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"), "client backend"},
		{"computing in PL/pgSQL", false, k.doing("DO $$ BEGIN LOOP END LOOP; END $$"), "client backend"},
		{"writing", false, k.doing("DO $$ BEGIN LOOP UPDATE t SET filler = filler || 'y' WHERE i < 0; END LOOP; END $$"), "client backend"},
		{"copying out", false, k.doing("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 100000000)) TO STDOUT"), "client backend"},
		{"checkpointer", true, k.backendOf("checkpointer"), "checkpointer process"},
		{"background writer", false, k.backendOf("background writer"), "background writer process"},
		{"WAL writer", false, k.backendOf("walwriter"), "WAL writer process"},
	}
	if testing.Short() { // a round takes most of a second, in which PostgreSQL syncs the data directory
		cases = slices.DeleteFunc(cases, func(k kill) bool { return !k.short })
	}
	for round, c := range cases {
		outer := t // owns k.c, which the next round uses
		t.Run(strings.ReplaceAll(c.name, "/", ""), func(t *testing.T) { k.round(outer, t, round, c.victim, c.says) })
	}
	k.c.Close(testContext(t))
	if err := k.s.Close(); err != nil {
		t.Error("Close:", err)
	}

	// The cluster was shut down cleanly.
	starting := log.count("database system was not properly shut down")
	s := start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword, Log: log})
	if got := one[int](t, connect(t, s), "SELECT count(*)::int FROM t"); got != len(cases) {
		t.Errorf("%d rows, want %d", got, len(cases))
	}
	if log.count("database system was not properly shut down") != starting {
		t.Error("the next start recovers")
	}
}

// TestKillLeavesNothing compares what the program holds before and after sessions that compute were killed.
func TestKillLeavesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the server recovers from each kill, which takes seconds")
	}
	dir := newCluster(t)
	cycle(t, dir) // the runtime's own threads, arenas and caches
	before := steady(t)
	s := start(t, embeddedpg.Config{DataDir: dir, Password: templatePassword, Log: testLog(t)})
	for range 4 {
		cfg, err := pgx.ParseConfig(s.ConnString(""))
		if err != nil {
			t.Fatal(err)
		}
		begun, ended := make(chan struct{}), make(chan struct{})
		cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
			if n.Message == "begun" {
				close(begun)
			}
		}
		victim, err := pgx.ConnectConfig(testContext(t), cfg)
		if err != nil {
			t.Fatal(err)
		}
		ctx := testContext(t)
		go func() {
			defer close(ended)
			if err := victim.PgConn().Exec(ctx, "DO $$ BEGIN RAISE NOTICE 'begun'; LOOP END LOOP; END $$").Close(); err == nil {
				t.Error("an endless loop ended")
			}
		}()
		select {
		case <-begun:
		case <-ended:
			t.Fatal("the session ended before it was killed")
		}
		if err := embeddedpg.Kernel(s).Kill(int(victim.PgConn().PID()), abi.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-ended
		again(t, s).Close(testContext(t))
	}
	if err := s.Close(); err != nil {
		t.Error("Close:", err)
	}
	after := settled(t, before)
	t.Log("before:", before)
	t.Log("after: ", after)
	if after.goroutines > before.goroutines || after.descriptors > before.descriptors || after.threads > before.threads+3 || after.mappings > before.mappings+10 {
		t.Error("something of the killed processes is left")
	}
	// Other programs that run the same compiled code, and cease to, change what of it counts as this one's.
	if grown := after.memory - before.memory; grown > 32<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
}
