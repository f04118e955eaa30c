//go:build linux

package resources

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/programs"
	"nself.org/embeddedpg/internal/testenv"
	"nself.org/embeddedpg/internal/vm"
)

// notKept loads a real program, the smallest, from a cache in which it cannot be kept, and wants one warning.
func notKept(t *testing.T, cacheDir string) {
	t.Helper()
	log := &records{}
	set, err := programs.Load(testContext(t), programs.Options{CacheDir: cacheDir, Initdb: true, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if set.Program("/pgsql/bin/initdb") == nil {
		t.Error("there is no initdb")
	}
	if w := log.warnings(); len(w) != 1 || !strings.Contains(w[0], vm.ErrNotKept.Error()) {
		t.Errorf("warnings: %q", w)
	}
}

func cacheFileSize(t *testing.T) {
	dir := t.TempDir()
	testenv.Limit(t, unix.RLIMIT_FSIZE, 64<<10)
	notKept(t, dir)
}

func cacheFull(t *testing.T) {
	dir := t.TempDir()
	testenv.Mount(t, dir, "-t", "tmpfs", "-o", "mode=0700,size=64k", "tmpfs")
	notKept(t, dir)
}

func cacheReadOnly(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "initdb-0123456789abcdef.cwasm") // of another version
	if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	testenv.Mount(t, dir, "--bind", dir)
	testenv.Mount(t, dir, "-o", "remount,bind,ro")
	notKept(t, dir)
}

func cacheMode(t *testing.T) {
	dir := becomeOther(t, 61004)
	for _, f := range machineCode(t, dir) {
		os.Remove(f)
	}
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	notKept(t, dir)
}

// cacheNoexec starts a whole server with an entry that is there and cannot be mapped.
func cacheNoexec(t *testing.T) {
	dir := t.TempDir()
	testenv.Mount(t, dir, "-t", "tmpfs", "-o", "mode=0700,noexec", "tmpfs")
	copyCache(t, dir)
	log := &records{}
	cfg := config(t, log)
	cfg.CacheDir = dir
	cfg.Progress = func(p embeddedpg.Progress) {
		if p.Stage == embeddedpg.StageCompile {
			t.Error("it compiles again")
			cfg.Progress = nil
		}
	}
	works(t, start(t, cfg))
	if w := log.warnings(); len(w) != 1 || strings.Contains(w[0], vm.ErrNotKept.Error()) {
		t.Errorf("warnings: %q", w)
	}
}

// cacheServer starts a whole server whose code cannot be kept.
func cacheServer(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: wasmtime compiles the server, which takes seconds")
	}
	log := &records{}
	cfg := config(t, log)
	cfg.CacheDir = t.TempDir()
	testenv.Limit(t, unix.RLIMIT_FSIZE, 18<<20) // a segment of the log has 16 MB, the code 21 and more
	works(t, start(t, cfg))
	if w := log.warnings(); len(w) != 1 || !strings.Contains(w[0], vm.ErrNotKept.Error()) {
		t.Errorf("warnings: %q", w)
	}
}

func works(t *testing.T, s *embeddedpg.Server) {
	t.Helper()
	c := mustConnect(t, s)
	exec(t, c, "CREATE TABLE fruit AS SELECT generate_series(1, 1000) AS i")
	if n := one[int](t, c, "SELECT sum(i) FROM fruit"); n != 500500 {
		t.Error(n)
	}
}

func fileSizeAtStart(t *testing.T) {
	testenv.Limit(t, unix.RLIMIT_FSIZE, 8<<20)
	cfg := config(t, &records{})
	refused(t, cfg, syscall.EFBIG, "ulimit -f")
	cfg.CopyFrom = "" // a new cluster
	refused(t, cfg, syscall.EFBIG, "ulimit -f")
}

func fileSizeLater(t *testing.T) {
	testenv.Limit(t, unix.RLIMIT_FSIZE, 24<<20)
	s := start(t, config(t, &records{}))
	other := mustConnect(t, s)
	exec(t, other, "CREATE TABLE small AS SELECT 1 AS i")
	c := mustConnect(t, s)
	_, err := c.Exec(testContext(t), "CREATE TABLE large AS SELECT repeat(md5(i::text), 30) AS t FROM generate_series(1, 40000) AS i")
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Severity != "ERROR" {
		t.Errorf("%T: %v", err, err)
	}
	t.Log(err)
	exec(t, other, "INSERT INTO small SELECT generate_series(1, 1000)")
	exec(t, c, "SELECT sum(i) FROM small")
	exec(t, c, "CHECKPOINT")
}

func noHome(t *testing.T) {
	for _, home := range []string{"", "relative"} {
		os.Setenv("HOME", home)
		log := &records{}
		works(t, start(t, config(t, log)))
		if w := log.warnings(); len(w) != 0 { // it is that of the list of users
			t.Errorf("HOME=%q: %q", home, w)
		}
	}
}

func noHomeAtAll(t *testing.T) {
	becomeOther(t, 61005)
	os.Unsetenv("XDG_CACHE_HOME")
	os.Setenv("HOME", "")
	notKept(t, "")
}

func noTempDir(t *testing.T) {
	cfg := config(t, &records{})
	missing := filepath.Join(t.TempDir(), "missing")
	os.Setenv("TMPDIR", missing)
	cfg.SocketDir = "" // which is then a temporary directory
	refused(t, cfg, syscall.ENOENT, "TMPDIR")
	refused(t, embeddedpg.Config{}, syscall.ENOENT, "TMPDIR")
	cfg.SocketDir = filepath.Join(filepath.Dir(cfg.DataDir), "s")
	works(t, start(t, cfg))
}

func danglingLink(t *testing.T) {
	cfg := config(t, &records{})
	if err := os.Symlink("nowhere", cfg.DataDir); err != nil {
		t.Fatal(err)
	}
	s, err := embeddedpg.Start(context.Background(), cfg)
	var e *embeddedpg.Error
	if err == nil {
		s.Close()
	}
	if !errors.As(err, &e) || e.Path != cfg.DataDir || e.Hint == "" || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("%T: %v", err, err)
	}
	if _, err := os.Readlink(cfg.DataDir); err != nil {
		t.Error("the link is gone: ", err)
	}
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return found
}
