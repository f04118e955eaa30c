package embeddedpg_test

import (
	"bytes"
	"context"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/image"
)

// extensionDir returns a copy of the sample extension, to be changed.
func extensionDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/extension")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// eitherEngine runs a test of the sample extension by wasmtime, as the committed module has no native code, and by native
// code, where the program has some and LLVM is there to make the module's.
func eitherEngine(t *testing.T, f func(t *testing.T, dir string)) {
	run := func(name, dir string) {
		t.Run(name, func(t *testing.T) { f(t, dir) })
	}
	run("wasmtime", "testdata/extension")
	t.Run("native", func(t *testing.T) {
		if code, err := image.Postgres.Native(); err != nil || code == nil || os.Getenv("EMBEDDEDPG_DEBIAN_ROOT") == "" {
			t.Skipf("needs native code in the program, and LLVM: set EMBEDDEDPG_DEBIAN_ROOT (%v)", err)
		}
		f(t, nativeExtension(t))
	})
}

// nativeExtension returns a copy of the sample extension whose module has native code for this processor.
func nativeExtension(t *testing.T) string {
	t.Helper()
	dir, out := extensionDir(t), t.TempDir()
	processor := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	module := filepath.Join(dir, "sample.so")
	made := osexec.Command("wasm/native.sh", "-target", processor, module, out)
	if text, err := made.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	images, err := filepath.Glob(filepath.Join(out, "*.so"))
	if err != nil || len(images) != 1 {
		t.Fatal(images, err)
	}
	attached := osexec.Command("go", "run", "./cmd/wasm2llvm", "-target", processor, "-attach", images[0], module)
	if text, err := attached.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return dir
}

func TestExtensionModule(t *testing.T) { eitherEngine(t, testExtensionModule) }

func testExtensionModule(t *testing.T, dir string) {
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword, ExtensionDirs: []string{t.TempDir(), dir}})
	if engine := s.Engine(); !strings.HasSuffix(t.Name(), "/"+engine) {
		t.Errorf("%s runs the server", engine)
	}
	c := connect(t, s)
	if n := one[int](t, c, "SELECT count(*) FROM pg_available_extensions WHERE name IN ('sample', 'hstore')"); n != 2 {
		t.Errorf("%d of the extensions sample and hstore can be created", n)
	}
	exec(t, c, "CREATE EXTENSION sample")
	for range 3 { // functions, data, settings of each session are its own
		c := connect(t, s)
		for _, q := range []struct{ sql, want string }{
			{"SELECT sample_constructed()::text", "42"},
			{"SELECT sample_counted()::text", "1"},
			{"SELECT sample_counted()::text", "2"},
			{"SELECT sample_label(2)", "two"},
			{"SELECT sample_greet()", "hello"},
			{"SELECT set_config('sample.greeting', 'hi', false)", "hi"},
			{"SELECT sample_greet()", "hi"},
			{"SELECT sample_caught('x1')", `invalid input syntax for type integer: "x1"`},
			{"SELECT count(sample_caught('x' || i))::text FROM generate_series(1, 1000) i", "1000"},
			{"SELECT round(sample_sorted(1000)::numeric, 9)::text", "0.999971415"},
		} {
			if got := one[string](t, c, q.sql); got != q.want {
				t.Errorf("%s: %s, want %s", q.sql, got, q.want)
			}
		}
		fails(t, c, "SELECT sample_label(3)")
		fails(t, c, "SET sample.nothing = 1")
	}

	// An error of a module's is one that SQL can catch, again and again.
	const caught = `CREATE FUNCTION label(n int) RETURNS text LANGUAGE plpgsql AS $$
		BEGIN RETURN sample_label(n); EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$`
	exec(t, c, caught)
	if n := one[int](t, c, "SELECT count(DISTINCT label(2 + i % 2)) FROM generate_series(1, 1000) i"); n != 2 {
		t.Errorf("%d answers, want a label and an error", n)
	}

	// In many sessions at once, which all load it.
	var all sync.WaitGroup
	for range 8 {
		c := connect(t, s)
		all.Go(func() {
			var n int
			if err := c.QueryRow(testContext(t), "SELECT sample_counted()").Scan(&n); err != nil || n != 1 {
				t.Errorf("%d, %v", n, err)
			}
		})
	}
	all.Wait()
}

// TestExtensionPreloaded: the postmaster loads it at its start, and each process again.
func TestExtensionPreloaded(t *testing.T) { eitherEngine(t, testExtensionPreloaded) }

func testExtensionPreloaded(t *testing.T, dir string) {
	s := start(t, embeddedpg.Config{
		DataDir: newCluster(t), Password: templatePassword,
		ExtensionDirs: []string{dir},
		Settings:      map[string]string{"shared_preload_libraries": "sample", "sample.greeting": "from the settings"},
	})
	if got := one[string](t, connect(t, s), "SHOW sample.greeting"); got != "from the settings" {
		t.Error(got)
	}
}

// TestExtensionInterrupted cancels a function of a module, and kills one that cannot be cancelled.
func TestExtensionInterrupted(t *testing.T) { eitherEngine(t, testExtensionInterrupted) }

func testExtensionInterrupted(t *testing.T, dir string) {
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword, ExtensionDirs: []string{dir}})
	c := connect(t, s)
	exec(t, c, "CREATE EXTENSION sample")
	exec(t, c, "SET statement_timeout = '50ms'")
	_, err := c.Exec(testContext(t), "SELECT sample_spin(true)")
	var pg *pgconn.PgError
	if pg, _ = err.(*pgconn.PgError); pg == nil || pg.Code != "57014" {
		t.Errorf("cancelled: %v", err)
	}

	victim := connect(t, s)
	pid := int(victim.PgConn().PID())
	ended := make(chan error)
	ctx := testContext(t)
	go func() {
		_, err := victim.Exec(ctx, "SELECT sample_spin(false)")
		ended <- err
	}()
	time.Sleep(100 * time.Millisecond)
	if err := embeddedpg.Kernel(s).Kill(pid, abi.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("a killed session answered")
	}
	again(t, s) // the postmaster has recovered
}

// TestExtensionRefused: files that are not modules, or not for this server, are errors that say why; and SQL
// cannot have code loaded from where it can write.
func TestExtensionRefused(t *testing.T) {
	dir := extensionDir(t)
	good, err := os.ReadFile(filepath.Join(dir, "sample.so"))
	if err != nil {
		t.Fatal(err)
	}
	for name, code := range map[string][]byte{
		"missing.so":   bytes.ReplaceAll(good, []byte("errstart_cold"), []byte("errstart_gone")),
		"cut.so":       good[:len(good)/2],
		"text.so":      []byte("#!/bin/sh\n"),
		"elf.so":       []byte("\x7fELF\x02\x01\x01\x00"),
		"unmagical.so": bytes.ReplaceAll(good, []byte("Pg_magic_func"), []byte("Pg_magic_gone")),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), code, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mounted := t.TempDir()
	if err := os.WriteFile(filepath.Join(mounted, "sample.so"), good, 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, embeddedpg.Config{
		DataDir: newCluster(t), Password: templatePassword,
		ExtensionDirs: []string{dir},
		Mounts:        []embeddedpg.Mount{{Host: mounted, Guest: "/mnt/files"}},
	})
	c := connect(t, s)
	says := func(sql, want string) {
		t.Helper()
		_, err := c.Exec(testContext(t), sql)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", sql, err, want)
		}
		if c.IsClosed() {
			t.Fatalf("%s ended the session: %v", sql, err)
		}
	}
	says("LOAD 'missing'", "undefined symbols: errstart_gone")
	says("LOAD 'cut'", "malformed")
	says("LOAD 'text'", "not a WebAssembly module")
	says("LOAD 'elf'", "not a WebAssembly module")
	says("LOAD 'unmagical'", "missing magic block")
	says("LOAD '/mnt/files/sample.so'", "only from the directories")
	says("LOAD '/extensions/0/extension/../../../mnt/files/sample.so'", "only from the directories")

	// A large object can become any file that the server may write.
	exec(t, c, "SELECT lo_from_bytea(4711, $1)", good)
	mine := s.DataDir() + "/mine"
	exec(t, c, "SELECT lo_export(4711, '"+mine+".so')")
	says("LOAD '"+mine+".so'", "only from the directories")
	says("CREATE FUNCTION f() RETURNS int8 AS '"+mine+"', 'sample_counted' LANGUAGE C", "only from the directories")
	says("SELECT lo_export(4711, '/extensions/0/extension/mine.so')", "Read-only")
	exec(t, c, "SELECT 1")
}

func TestExtensionDirMissing(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "nothing")
	s, err := embeddedpg.Start(context.Background(), embeddedpg.Config{DataDir: newCluster(t), ExtensionDirs: []string{missing}})
	if err == nil {
		s.Close()
		t.Fatal("started without it")
	}
	if !strings.Contains(err.Error(), missing) {
		t.Error(err)
	}
}
