package embeddedpg_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/testenv"
)

// limit bounds every test's waits: a first compile included.
const limit = 2 * time.Minute

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// testLog shows the server's log of a failing test.
func testLog(t testing.TB) slog.Handler {
	return slog.NewTextHandler(testWriter{t}, nil)
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimRight(string(b), "\n"))
	return len(b), nil
}

// start starts a server that ends with the test.
func start(t testing.TB, cfg embeddedpg.Config) *embeddedpg.Server {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = testLog(t)
	}
	s, err := embeddedpg.Start(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// connect returns a connection over the Unix socket that ends with the test.
func connect(t testing.TB, s *embeddedpg.Server) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(testContext(t), s.ConnString(""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// dial returns an in-process connection.
func dial(t testing.TB, s *embeddedpg.Server) *pgx.Conn {
	t.Helper()
	cfg, err := pgx.ParseConfig("user=postgres dbname=postgres sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return s.Dial(ctx) }
	c, err := pgx.ConnectConfig(testContext(t), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func exec(t testing.TB, c *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := c.Exec(testContext(t), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func one[T any](t testing.TB, c *pgx.Conn, sql string, args ...any) (v T) {
	t.Helper()
	if err := c.QueryRow(testContext(t), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// shared is one temporary server for the tests that do not change what others see.
var shared struct {
	sync.Once
	server *embeddedpg.Server
	err    error
}

func sharedServer(t testing.TB) *embeddedpg.Server {
	t.Helper()
	shared.Do(func() { shared.server, shared.err = embeddedpg.Start(context.Background(), embeddedpg.Config{}) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

// template is a cluster that tests copy, because making one takes half a second.
var template struct {
	sync.Once
	dir string
	err error
}

const templatePassword = "template password"

func TestMain(m *testing.M) {
	embeddedpg.ChildMain(watched(os.DirFS("testdata/extension"), true))
	if os.Getenv(parentMarker) != "" {
		parentMain()
	}
	all := func() int {
		code := m.Run()
		if shared.server != nil {
			shared.server.Close()
		}
		if template.dir != "" {
			os.RemoveAll(template.dir)
		}
		return code
	}
	os.Exit(testenv.Run(all))
}

// newCluster returns the data directory of a cleanly stopped cluster of the test's own.
func newCluster(t testing.TB) string {
	t.Helper()
	template.Do(func() {
		if template.dir, template.err = os.MkdirTemp("", "template-"); template.err != nil {
			return
		}
		s, err := embeddedpg.Start(context.Background(), embeddedpg.Config{
			DataDir: filepath.Join(template.dir, "data"), Password: templatePassword,
		})
		if err != nil {
			template.err = err
			return
		}
		template.err = s.Close()
	})
	if template.err != nil {
		t.Fatal(template.err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	c, err := cluster.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = c.CopyFrom(context.Background(), filepath.Join(template.dir, "data"), true)
	if err := errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestZeroConfig(t *testing.T) {
	s := start(t, embeddedpg.Config{})
	for name, c := range map[string]*pgx.Conn{"Unix socket": connect(t, s), "in process": dial(t, s)} {
		if v := one[string](t, c, "SELECT version()"); !strings.HasPrefix(v, "PostgreSQL 18.") {
			t.Error(name, v)
		}
	}
	c := connect(t, s)
	for setting, want := range map[string]string{
		"server_encoding": "UTF8", "data_checksums": "on", "fsync": "on", "password_encryption": "scram-sha-256", "port": "5432", "listen_addresses": "",
		"full_page_writes": "on", "synchronous_commit": "on", "restart_after_crash": "on",
	} {
		if got := one[string](t, c, "SELECT current_setting($1)", setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if got := one[string](t, c, "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'postgres'"); got != "bC.UTF-8" {
		t.Error("locale:", got)
	}
	if s.Addr() != nil {
		t.Error("listens on", s.Addr())
	}
	dir, socket := s.DataDir(), s.SocketDir()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, filepath.Dir(dir), socket} {
		if _, err := os.Lstat(d); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", d, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error("second Close:", err)
	}
	if _, err := s.Dial(testContext(t)); !errors.Is(err, embeddedpg.ErrClosed) {
		t.Error("Dial after Close:", err)
	}
	if err := s.Wait(); err != nil {
		t.Error("Wait after Close:", err)
	}
}

func TestDataStays(t *testing.T) {
	t.Parallel()
	cfg := embeddedpg.Config{
		DataDir: filepath.Join(t.TempDir(), "a", "data"), Superuser: "Ärger", Password: `p@ss:/?#[]" '\%20+&ü`, Database: `my "db" +`,
		Listen: "127.0.0.1:0", Settings: map[string]string{"Work-Mem": "8MB", "application_name": "a'b\\c"},
	}
	for i := range 2 {
		s := start(t, cfg)
		c := connect(t, s)
		if i == 0 {
			exec(t, c, "CREATE TABLE t AS SELECT 42 AS a")
		}
		if got := one[int](t, c, "SELECT a FROM t"); got != 42 {
			t.Fatal(got)
		}
		if got := one[string](t, c, "SELECT current_user || '/' || current_database()"); got != cfg.Superuser+"/"+cfg.Database {
			t.Error(got)
		}
		if got := one[string](t, c, "SELECT current_setting('work_mem')"); got != "8MB" {
			t.Error(got)
		}
		tcp := c.Config()
		tcp.Host, tcp.Port = "127.0.0.1", uint16(s.Addr().(*net.TCPAddr).Port)
		tc, err := pgx.ConnectConfig(testContext(t), tcp)
		if err != nil {
			t.Fatal(err)
		}
		if got := one[string](t, tc, "SELECT host(inet_client_addr())"); got != "127.0.0.1" {
			t.Error(got)
		}
		tc.Close(testContext(t))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	entries, _ := os.ReadDir(filepath.Dir(cfg.DataDir))
	if len(entries) != 1 {
		t.Error("left beside the data directory:", entries)
	}
	if st, err := os.Stat(cfg.DataDir); err != nil || st.Mode().Perm() != 0o700 {
		t.Error(st, err)
	}
	for _, pattern := range []string{"*/*exec_params*", "pgsql_tmp*"} { // what new processes are told is kept in memory
		if left, _ := filepath.Glob(filepath.Join(cfg.DataDir, pattern)); left != nil {
			t.Error("left in the data directory:", left)
		}
	}
}

func TestStartCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := embeddedpg.Start(ctx, embeddedpg.Config{}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	// In the middle of making a cluster: the directory is as before.
	sharedServer(t) // everything is compiled
	for superuser, after := range map[string]time.Duration{
		"postgres": 0,                     // of the seed, which takes a few milliseconds
		"admin":    50 * time.Millisecond, // by initdb
	} {
		dir := filepath.Join(t.TempDir(), "data")
		ctx, cancel := context.WithCancel(context.Background())
		_, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: dir, Superuser: superuser, Progress: func(p embeddedpg.Progress) {
			switch {
			case p.Stage == embeddedpg.StageCreate && after == 0:
				cancel()
			case p.Stage == embeddedpg.StageCreate:
				time.AfterFunc(after, cancel)
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if entries, _ := os.ReadDir(filepath.Dir(dir)); len(entries) > 0 {
			t.Error("left behind:", entries)
		}
	}
}

func TestServerEndsByItself(t *testing.T) {
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	c := connect(t, s)
	pid := one[int](t, c, "SELECT pg_backend_pid()")
	if pid == os.Getpid() {
		t.Fatal("a backend has the postmaster's number")
	}
	wait := make(chan error, 1)
	go func() { wait <- s.Wait() }()
	embeddedpg.KillPostmaster(s)
	select {
	case err := <-wait:
		if err == nil || !strings.Contains(err.Error(), "signal 9") {
			t.Error("Wait:", err)
		}
	case <-time.After(limit):
		t.Fatal("Wait does not return")
	}
	if _, err := net.Dial("unix", filepath.Join(s.SocketDir(), ".s.PGSQL.5432")); err == nil {
		t.Error("still listening")
	}
	if err := s.Close(); err == nil {
		t.Error("Close does not tell how the server ended")
	}
	// The next start recovers.
	s = start(t, embeddedpg.Config{DataDir: s.DataDir(), Password: templatePassword})
	if got := one[int](t, connect(t, s), "SELECT 1"); got != 1 {
		t.Error(got)
	}
}
