package crash

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/listen"
	"nself.org/embeddedpg/internal/programs"
	"nself.org/embeddedpg/internal/vfs"
)

// limit bounds every wait: a first compile included, and a machine that others use too.
const limit = 2 * time.Minute

// loaded has the programs, loaded once for all servers of this process.
var loaded = sync.OnceValues(func() (*programs.Set, error) {
	return programs.Load(context.Background(), programs.Options{Server: true, Initdb: true})
})

// A node is a server of this process whose data directory may have a double in front of it.
type node struct {
	cluster *cluster.Cluster
	pm      *cluster.Postmaster
	log     *logLines
}

// startNode starts a server on dir, and makes a cluster there if there is none.
func startNode(dir string, settings map[string]string, wrap func(vfs.FS) vfs.FS) (*node, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	set, err := loaded()
	if err != nil {
		return nil, err
	}
	c, err := cluster.Open(dir)
	if err != nil {
		return nil, err
	}
	n := &node{cluster: c, log: &logLines{}}
	p := cluster.Programs{Program: set.Program, Image: set.Image()}
	if c.Empty() {
		if err := c.Create(ctx, p, cluster.CreateOptions{Superuser: "postgres", Password: password, Volatile: true}); err != nil {
			c.Close()
			return nil, err
		}
	}
	if n.pm, err = c.Run(ctx, p, cluster.RunOptions{Port: 5432, Settings: settings, Log: n.log, Data: wrap}); err != nil {
		c.Close()
		return nil, fmt.Errorf("%w\n%s", err, n.log.tail(20))
	}
	return n, nil
}

// connect opens a session as superuser.
func (n *node) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig("user=postgres sslmode=disable dbname=" + database)
	if err != nil {
		return nil, err
	}
	cfg.DialFunc = func(context.Context, string, string) (net.Conn, error) { return listen.Dial(n.pm.Push) }
	return pgx.ConnectConfig(ctx, cfg)
}

// crash ends the server at once.
func (n *node) crash() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	n.pm.Stop(ctx) // its error says that the next start recovers
	n.cluster.Close()
}

// stop shuts the server down.
func (n *node) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return errors.Join(n.pm.Stop(ctx), n.cluster.Close())
}

// scratch makes a directory for data directories, in memory where the system has a place for it: what a flush
// means is the doubles' to say, not the disk's.
func scratch(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(hostdir.Memory(), "crash-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// copyDir copies a stopped cluster.
func copyDir(from, to string) error {
	return errors.Join(os.Mkdir(to, 0o700), os.CopyFS(to, os.DirFS(from)))
}

// logLines keeps a server's log.
type logLines struct {
	mu struct {
		sync.Mutex
		lines []string
	}
}

// Enabled implements slog.Handler.
func (l *logLines) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (l *logLines) Handle(_ context.Context, r slog.Record) error {
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
func (l *logLines) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler.
func (l *logLines) WithGroup(string) slog.Handler { return l }

func (l *logLines) tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.mu.lines[max(0, len(l.mu.lines)-n):], "\n")
}

// count says how many lines contain the text.
func (l *logLines) count(text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.mu.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// damaged says which pages the server found damaged. Free space maps may be: they are not in the write-ahead log,
// a page of them whose checksum is wrong is taken for empty, and vacuum fills it again (src/backend/storage/freespace/README).
func (l *logLines) damaged() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.mu.lines {
		if strings.Contains(line, "invalid page in block") && !strings.Contains(line, "_fsm\"") {
			return errors.New(line)
		}
	}
	return nil
}

// newCluster makes the cluster that the tests of this file's servers start from: with the tables of the workload,
// shut down.
func newCluster(t testing.TB, settings map[string]string) string {
	t.Helper()
	dir := filepath.Join(scratch(t), "pgdata")
	n, err := startNode(dir, settings, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	conn, err := n.connect(ctx, "postgres")
	if err == nil {
		_, err = conn.Exec(ctx, schema)
		conn.Close(ctx)
	}
	if err := errors.Join(err, n.stop()); err != nil {
		t.Fatal(err)
	}
	return dir
}
