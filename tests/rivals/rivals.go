// Package rivals starts the servers that benchmarks compare, each in processes of its own and with the same
// settings: this project's, Debian's native PostgreSQL 18, and PGlite behind its socket server. All are reached over
// a Unix socket in the work directory, by the same clients.
package rivals

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Settings are given to every server that takes settings.
var Settings = map[string]string{
	"shared_buffers":       "128MB",
	"max_connections":      "100",
	"max_wal_size":         "4GB",
	"checkpoint_timeout":   "30min",
	"autovacuum":           "off",
	"log_min_messages":     "panic",
	"fsync":                "on",
	"synchronous_commit":   "on",
	"full_page_writes":     "on",
	"track_io_timing":      "off",
	"track_activities":     "on",
	"io_method":            "worker",
	"wal_sync_method":      "fdatasync",
	"effective_cache_size": "4GB",
	"jit":                  "off",
}

// Place is where a benchmark's files are.
type Place struct {
	Root string // Debian root directory with postgresql-18 and its client package
	Work string // directory below Root/tmp for clusters and sockets
	NPM  string // directory with node_modules of PGlite; "" where PGlite is left out

	// Settings are a benchmark's own, for every server that takes settings: they go before those of all.
	Settings map[string]string
}

// WorkDir makes a directory for Place.Work, which native's user can enter, and says how to remove it.
func WorkDir(root string) (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp(filepath.Join(root, "tmp"), "bench-")
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	if err := os.Chmod(dir, 0o755); err != nil {
		remove()
		return "", nil, err
	}
	return dir, remove, nil
}

// settings are those of all, with the place's own.
func (p Place) settings() map[string]string {
	all := maps.Clone(Settings)
	maps.Copy(all, p.Settings)
	return all
}

// inside is the name that a path below Root has for programs that run in it.
func (p Place) inside(path string) string { return strings.TrimPrefix(path, filepath.Clean(p.Root)) }

// Server is a running server.
type Server struct {
	Name     string
	place    Place
	sockets  string // directory of .s.PGSQL.5432
	password string
	command  *exec.Cmd
	children bool           // its sessions are child processes
	stop     syscall.Signal // asks for a fast shutdown
}

// Stop shuts the server down and waits for it.
func (s *Server) Stop() error {
	if err := s.command.Process.Signal(s.stop); err != nil {
		return err
	}
	err := s.command.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == s.stop {
		return nil // it has no handler of its own
	}
	return err
}

// ConnString is a URL-less connection string for pgx and psql outside of the Debian root.
func (s *Server) ConnString() string {
	return fmt.Sprintf("host=%s port=5432 user=postgres dbname=postgres password=%s sslmode=disable", s.sockets, s.password)
}

// Connect makes a connection.
func (s *Server) Connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.Connect(ctx, s.ConnString())
}

// ready waits until a query is answered, looking every 2 ms.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		c, err := s.Connect(ctx)
		if err == nil {
			_, err = c.Exec(ctx, "SELECT 1")
			c.Close(ctx)
			if err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", s.Name, err)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// launch starts command and waits for an answer.
func (s *Server) launch(ctx context.Context) error {
	s.command.Stderr = os.Stderr
	if err := s.command.Start(); err != nil {
		return err
	}
	if err := s.ready(ctx); err != nil {
		_ = s.command.Process.Kill()
		_ = s.command.Wait()
		return err
	}
	return nil
}

// Result is what pgbench says of a run.
type Result struct {
	TPS          float64
	Transactions int
}

const bin = "/usr/lib/postgresql/18/bin/"

var (
	tpsLine = regexp.MustCompile(`tps = ([0-9.]+) \(without initial connection time\)`)
	txLine  = regexp.MustCompile(`number of transactions actually processed: (\d+)`)
)

// Pgbench runs Debian's pgbench in its root directory.
func (s *Server) Pgbench(args ...string) (Result, error) {
	cmd := exec.Command("chroot", append([]string{
		s.place.Root, bin + "pgbench", "-h", s.place.inside(s.sockets), "-p", "5432", "-U", "postgres", "postgres",
	}, args...)...)
	cmd.Env = []string{"PGPASSWORD=" + s.password, "PATH=/usr/bin:/bin", "LC_ALL=C"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Result{}, fmt.Errorf("pgbench %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	var r Result
	if m := tpsLine.FindSubmatch(out); m != nil {
		r.TPS, _ = strconv.ParseFloat(string(m[1]), 64)
	}
	if m := txLine.FindSubmatch(out); m != nil {
		r.Transactions, _ = strconv.Atoi(string(m[1]))
	}
	return r, nil
}
