//go:build linux

// Package resources starts servers in processes that the operating system refuses something: address space, threads, descriptors,
// room in files, directories, a home. At Start that is a clear error within seconds, or a warning; later only the one who
// asked gets an error. The table in docs/limits.md has a row for each test of TestMatrix.
package resources

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/programs"
	"nself.org/embeddedpg/internal/testenv"
)

const (
	password = "resources-test-only"

	// soon is how long a Start may take that cannot succeed. It is milliseconds on a machine of one's own.
	soon = 20 * time.Second
	// limit bounds every other wait, compiling the server among them on a machine that others use.
	limit = 10 * time.Minute
)

// templateVariable tells the processes of the tests where a stopped cluster is.
const templateVariable = "EMBEDDEDPG_RESOURCES_TEMPLATE"

func TestMain(m *testing.M) {
	os.Exit(testenv.Run(func() int {
		if os.Getenv(templateVariable) != "" {
			return m.Run()
		}
		dir, err := template()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		os.Setenv(templateVariable, dir)
		return m.Run()
	}))
}

// template makes a cluster that the tests copy, and the machine code on the way.
func template() (string, error) {
	dir, err := os.MkdirTemp("", "resources-")
	if err != nil {
		return "", err
	}
	s, err := embeddedpg.Start(context.Background(), embeddedpg.Config{DataDir: filepath.Join(dir, "data"), Password: password})
	if err != nil {
		return "", err
	}
	return dir, s.Close()
}

// config is that of a server whose cluster is a copy of the template; its messages go to log.
func config(t *testing.T, log *records) embeddedpg.Config {
	t.Helper()
	return embeddedpg.Config{
		DataDir: filepath.Join(t.TempDir(), "data"), CopyFrom: filepath.Join(os.Getenv(templateVariable), "data"),
		Password: password, Log: log, Settings: map[string]string{"autovacuum": "off", "fsync": "off"},
	}
}

func start(t *testing.T, cfg embeddedpg.Config) *embeddedpg.Server {
	t.Helper()
	s, err := embeddedpg.Start(testContext(t), cfg)
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

// refused wants Start to fail soon, with a hint and the reason, which must be an errno or part of the hint.
func refused(t *testing.T, cfg embeddedpg.Config, reason error, hint string) {
	t.Helper()
	begin := time.Now()
	s, err := embeddedpg.Start(testContext(t), cfg)
	if err == nil {
		s.Close()
		t.Fatal("started")
	}
	if d := time.Since(begin); d > soon {
		t.Error("refused after", d)
	}
	var e *embeddedpg.Error
	if !errors.As(err, &e) || !errors.Is(err, reason) || !strings.Contains(e.Hint, hint) {
		t.Errorf("%T: %v", err, err)
	}
	t.Log(err)
}

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func connect(t testing.TB, s *embeddedpg.Server) (*pgx.Conn, error) {
	t.Helper()
	c, err := pgx.Connect(testContext(t), s.ConnString(""))
	if err == nil {
		t.Cleanup(func() { c.Close(context.Background()) })
	}
	return c, err
}

func mustConnect(t testing.TB, s *embeddedpg.Server) *pgx.Conn {
	t.Helper()
	c, err := connect(t, s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func exec(t testing.TB, c *pgx.Conn, sql string) {
	t.Helper()
	if _, err := c.Exec(testContext(t), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func one[T any](t testing.TB, c *pgx.Conn, sql string) (v T) {
	t.Helper()
	if err := c.QueryRow(testContext(t), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// records keeps what is logged.
type records struct {
	mu  sync.Mutex
	all []slog.Record
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *records) WithGroup(string) slog.Handler            { return r }

func (r *records) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, rec)
	return nil
}

// warnings returns the program's own: those of the server have its process id.
func (r *records) warnings() (own []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range r.all {
		text, server := rec.Message, false
		rec.Attrs(func(a slog.Attr) bool {
			text += " " + a.String()
			server = server || a.Key == "backend"
			return true
		})
		if rec.Level == slog.LevelWarn && !server {
			own = append(own, text)
		}
	}
	return own
}

// becomeOther makes this process one of another user, to whom a copy of the compiled code and the test's directory belong.
func becomeOther(t *testing.T, uid int) (cacheDir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become a user that runs nothing else")
	}
	home, err := os.MkdirTemp("", "home-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	cacheDir = filepath.Join(home, "cache")
	copyCache(t, cacheDir)
	template := filepath.Join(home, "template")
	if err := os.CopyFS(template, os.DirFS(os.Getenv(templateVariable))); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{home, t.TempDir(), filepath.Dir(t.TempDir())} {
		giveAway(t, dir, uid)
	}
	os.Setenv(templateVariable, template)
	os.Setenv("TMPDIR", home)
	testenv.Become(t, uid)
	return cacheDir
}

// machineCode returns the files with machine code in a cache.
func machineCode(t *testing.T, dir string) []string {
	t.Helper()
	return append(glob(t, dir, "*.cwasm"), glob(t, dir, "*.native")...)
}

// copyCache copies the machine code to a directory that may be damaged.
func copyCache(t *testing.T, to string) {
	t.Helper()
	from := programs.DefaultCacheDir()
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	entries := machineCode(t, from)
	if len(entries) == 0 {
		t.Fatal("no machine code in ", from)
	}
	for _, e := range entries {
		b, err := os.ReadFile(e)
		if err == nil {
			err = os.WriteFile(filepath.Join(to, filepath.Base(e)), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func giveAway(t *testing.T, dir string, uid int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := os.Lchown(path, uid, uid); err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		mode := fs.FileMode(0o600)
		if d.IsDir() {
			mode = 0o700
		}
		return os.Chmod(path, mode)
	})
	if err != nil {
		t.Fatal(err)
	}
}
