package embeddedpg_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/testenv"
)

// serverPid is the process that a data directory's server runs in.
func serverPid(t testing.TB, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// gone waits until there is no process of that id that still does anything.
func gone(t testing.TB, pid int) {
	t.Helper()
	for deadline := time.Now().Add(limit); syscall.Kill(pid, 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}

// records is a log handler that keeps what it is given.
type records struct {
	mu  sync.Mutex
	all []slog.Record
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler {
	panic("the parent's handler gets whole records")
}

func (r *records) WithGroup(string) slog.Handler { panic("the parent's handler gets whole records") }

func (r *records) Handle(_ context.Context, record slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, record)
	return nil
}

func TestChildProcess(t *testing.T) {
	t.Parallel()
	var log records
	stages := map[embeddedpg.Stage]bool{}
	s, err := embeddedpg.Start(t.Context(), embeddedpg.Config{
		ChildProcess: true, Listen: "127.0.0.1:0", Log: &log, Settings: map[string]string{"work_mem": "7MB"},
		Progress: func(p embeddedpg.Progress) { stages[p.Stage] = true },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	pid := serverPid(t, s.DataDir())
	if pid == os.Getpid() {
		t.Error("the server is in this process")
	}
	if !stages[embeddedpg.StageCreate] || !stages[embeddedpg.StageStart] {
		t.Error("stages", stages)
	}
	var mem string
	conn := dial(t, s)
	if err := conn.QueryRow(ctx, "SHOW work_mem").Scan(&mem); err != nil || mem != "7MB" {
		t.Error(mem, err)
	}
	direct, err := pgx.Connect(ctx, s.ConnString(""))
	if err != nil {
		t.Fatal(err)
	}
	direct.Close(ctx)
	if s.Addr() == nil {
		t.Error("no TCP address")
	}
	stopped := make(chan error, 1)
	go func() { _, err := conn.Exec(ctx, "SELECT pg_sleep(60)"); stopped <- err }()
	time.Sleep(50 * time.Millisecond)
	if err := conn.PgConn().CancelRequest(ctx); err != nil {
		t.Error(err)
	}
	var sqlError *pgconn.PgError
	if err := <-stopped; !errors.As(err, &sqlError) || sqlError.Code != "57014" {
		t.Errorf("cancelled query: %v", err)
	}
	snapshot := filepath.Join(t.TempDir(), "snapshot")
	if err := s.Snapshot(ctx, snapshot); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Wait(); err != nil {
		t.Error(err)
	}
	gone(t, pid)
	if _, err := os.Stat(s.DataDir()); !os.IsNotExist(err) {
		t.Error("the temporary directory is left:", err)
	}
	if _, err := s.Dial(ctx); !errors.Is(err, embeddedpg.ErrClosed) {
		t.Error(err)
	}
	found := false
	for _, r := range log.all {
		r.Attrs(func(a slog.Attr) bool {
			found = found || a.Key == "pid" && a.Value.String() == strconv.Itoa(pid) && strings.Contains(r.Message, "ready to accept")
			return true
		})
	}
	if !found {
		t.Error("the server's log did not come")
	}
}

func TestChildProcessFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "something"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := embeddedpg.Start(t.Context(), embeddedpg.Config{ChildProcess: true, DataDir: dir})
	var e *embeddedpg.Error
	if !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("a directory that is no cluster: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := embeddedpg.Start(ctx, embeddedpg.Config{ChildProcess: true}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestChildProcessKilled: the server's end is told.
func TestChildProcessKilled(t *testing.T) {
	s, err := embeddedpg.Start(t.Context(), embeddedpg.Config{ChildProcess: true, DataDir: newCluster(t), Password: templatePassword})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn := dial(t, s)
	if err := syscall.Kill(serverPid(t, s.DataDir()), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(); err == nil {
		t.Error("a killed server ended well")
	}
	if _, err := conn.Exec(context.Background(), "SELECT 1"); err == nil {
		t.Error("a connection outlives its server")
	}
	if _, err := s.Dial(context.Background()); err == nil {
		t.Error("a killed server takes connections")
	}
}

// TestChildProcessHangs: Close ends a server whose process does nothing any more long before Config.ShutdownTimeout, says so,
// and nothing committed is lost.
func TestChildProcessHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: waits ten seconds for an answer")
	}
	t.Parallel()
	cfg := embeddedpg.Config{ChildProcess: true, DataDir: newCluster(t), Password: templatePassword, ShutdownTimeout: time.Hour}
	s, err := embeddedpg.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := dial(t, s).Exec(t.Context(), "CREATE TABLE t AS SELECT 7 AS i"); err != nil {
		t.Fatal(err)
	}
	pid := serverPid(t, s.DataDir())
	testenv.Stop(t, pid)
	var e *embeddedpg.Error
	if err := s.Close(); !errors.As(err, &e) || e.Path != s.DataDir() || e.Hint == "" || !strings.Contains(e.Err.Error(), "did not answer") {
		t.Errorf("Close: %v", err)
	}
	gone(t, pid)

	cfg.ChildProcess = false
	again, err := embeddedpg.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	var i int
	if err := dial(t, again).QueryRow(t.Context(), "SELECT i FROM t").Scan(&i); err != nil || i != 7 {
		t.Error(i, err)
	}
}

const parentMarker = "EMBEDDEDPG_TEST_PARENT"

// parentMain is another program that has a server in a child process, for TestParentKilled.
func parentMain() {
	s, err := embeddedpg.Start(context.Background(), embeddedpg.Config{ChildProcess: true, DataDir: os.Getenv(parentMarker)})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("started", s.SocketDir())
	select {}
}

// TestParentKilled: a server ends with its parent, even one that is killed, and shuts down cleanly.
func TestParentKilled(t *testing.T) {
	t.Parallel()
	dir := newCluster(t)
	parent := osexec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentMarker+"="+dir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if !strings.HasPrefix(line, "started") {
		t.Fatal(line)
	}
	pid := serverPid(t, dir)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	parent.Wait()
	gone(t, pid)
	if _, err := os.Stat(filepath.Join(dir, "postmaster.pid")); !os.IsNotExist(err) {
		t.Error("it was not shut down cleanly:", err)
	}
}
