// Package node runs servers whose data directory may have a double in front of it: a disk that keeps a journal, fails or is
// full.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/listen"
	"nself.org/embeddedpg/internal/programs"
	"nself.org/embeddedpg/internal/vfs"
)

// Limit bounds every wait: a first compile included, and a machine that others use too.
const Limit = 2 * time.Minute

// loaded has the programs, loaded once for all servers of this process.
var loaded = sync.OnceValues(func() (*programs.Set, error) {
	return programs.Load(context.Background(), programs.Options{Server: true, Initdb: true})
})

// A Node is a server of this process.
type Node struct {
	Log *Log

	cluster *cluster.Cluster
	pm      *cluster.Postmaster
}

// Start starts a server on dir, and makes a cluster there if there is none. wrap puts a double in front of it; nil: none.
func Start(dir string, settings map[string]string, wrap func(vfs.FS) vfs.FS) (*Node, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Limit)
	defer cancel()
	set, err := loaded()
	if err != nil {
		return nil, err
	}
	c, err := cluster.Open(dir)
	if err != nil {
		return nil, err
	}
	n := &Node{cluster: c, Log: &Log{}}
	p := cluster.Programs{Program: set.Program, Image: set.Image()}
	if c.Empty() {
		if err := c.Create(ctx, p, cluster.CreateOptions{Superuser: "postgres", Password: "crash-test-only", Volatile: true}); err != nil {
			c.Close()
			return nil, err
		}
	}
	if n.pm, err = c.Run(ctx, p, cluster.RunOptions{Port: 5432, Settings: settings, Log: n.Log, Data: wrap}); err != nil {
		c.Close()
		return nil, fmt.Errorf("%w\n%s", err, n.Log.Tail(20))
	}
	return n, nil
}

// Done is closed when the server has ended.
func (n *Node) Done() <-chan struct{} { return n.pm.Done() }

// KillBackend kills one of its processes as kill -9 would: all sessions end, and the server recovers.
func (n *Node) KillBackend(pid int) { _ = n.pm.Kernel().Kill(pid, abi.SIGKILL) } // it may have ended

// Connect opens a session as superuser.
func (n *Node) Connect(ctx context.Context, database string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig("user=postgres sslmode=disable dbname=" + database)
	if err != nil {
		return nil, err
	}
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return listen.Dial(n.pm.Push) }
	return pgx.ConnectConfig(ctx, cfg)
}

// Crash ends the server at once.
func (n *Node) Crash() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.pm.Stop(ctx) // its error says that the next start recovers
	n.cluster.Close()
}

// Stop shuts the server down.
func (n *Node) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), Limit)
	defer cancel()
	return errors.Join(n.pm.Stop(ctx), n.cluster.Close())
}

// Scratch makes a directory for data directories, in memory where the system has a place for it: what a flush
// means is the doubles' to say, not the disk's.
func Scratch(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(hostdir.Memory(), "crash-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// CopyDir copies a stopped cluster.
func CopyDir(from, to string) error {
	return errors.Join(os.Mkdir(to, 0o700), os.CopyFS(to, os.DirFS(from)))
}

// Log keeps a server's log.
type Log struct {
	mu struct {
		sync.Mutex
		lines []string
	}
}

// Enabled implements slog.Handler.
func (l *Log) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (l *Log) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "detail" || a.Key == "sqlstate" || a.Key == "statement" {
			fmt.Fprintf(&b, " %s=%.200s", a.Key, a.Value)
		}
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.lines = append(l.mu.lines, b.String())
	return nil
}

// WithAttrs implements slog.Handler.
func (l *Log) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler.
func (l *Log) WithGroup(string) slog.Handler { return l }

// Tail returns the last n lines.
func (l *Log) Tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.mu.lines[max(0, len(l.mu.lines)-n):], "\n")
}

// Count says how many lines contain the text.
func (l *Log) Count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.mu.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// Damaged says which pages the server found damaged. Free space maps may be: they are not in the write-ahead log,
// a page of them whose checksum is wrong is taken for empty, and vacuum fills it again (src/backend/storage/freespace/README).
func (l *Log) Damaged() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.mu.lines {
		if strings.Contains(line, "invalid page in block") && !strings.Contains(line, "_fsm\"") {
			return errors.New(line)
		}
	}
	return nil
}
