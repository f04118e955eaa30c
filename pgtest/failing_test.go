package pgtest_test

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

// failEnv makes the tests below do what is wrong, in a test binary of their own.
const failEnv = "PGTEST_TEST_FAIL"

// rerun runs one test of this binary as another process, and returns what it prints.
func rerun(t *testing.T, test string, env ...string) (output string, passed bool) {
	t.Helper()
	return rerunBinary(t, os.Args[0], test, env...)
}

// rerunBinary is rerun of another binary.
func rerunBinary(t *testing.T, binary, test string, env ...string) (output string, passed bool) {
	t.Helper()
	cmd := exec.Command(binary, "-test.run", "^"+test+"$", "-test.v", "-test.timeout", "2m")
	cmd.Env = append(append(os.Environ(), failEnv+"=1"), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// needsFail skips what is only for rerun.
func needsFail(t *testing.T) {
	if os.Getenv(failEnv) == "" {
		t.Skip("run by other tests in a process of its own")
	}
}

func TestFailLeak(t *testing.T) {
	needsFail(t)
	db := pgtest.New(t)
	conn, err := db.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// A startup packet of protocol 3.0, and nobody closes conn.
	packet := "\x00\x00\x00\x00\x00\x03\x00\x00user\x00postgres\x00database\x00" + db.Name() + "\x00application_name\x00leaky\x00\x00"
	if _, err := conn.Write(append([]byte{0, 0, 0, byte(len(packet))}, packet[4:]...)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	if _, err := conn.Read(buf); err != nil {
		t.Fatal(err)
	}
	leaked = conn // the garbage collector would close it
	time.Sleep(100 * time.Millisecond)
}

var leaked net.Conn

func TestLeakIsTold(t *testing.T) {
	t.Parallel()
	out, passed := rerun(t, "TestFailLeak")
	if passed || !strings.Contains(out, "connections open") || !strings.Contains(out, "leaky") {
		t.Error(out)
	}
	if !regexp.MustCompile(`(?m)^ +failing_test\.go:\d+: pgtest: `).MatchString(out) || strings.Contains(out, "pgtest.go:") {
		t.Error("the failure is not on the line of the test:", out)
	}
	if strings.Contains(out, "is kept") {
		t.Error("kept for a leak alone:", out)
	}
}

func TestFailKeep(t *testing.T) {
	needsFail(t)
	db := pgxtest.New(t, pgtest.SQL("CREATE TABLE evidence (a int)"))
	if _, err := db.Conn(t).Exec(t.Context(), "INSERT INTO evidence VALUES (42)"); err != nil {
		t.Fatal(err)
	}
	t.Error("wrong")
}

// kept takes the directory and the database out of what a failed test has printed.
var kept = regexp.MustCompile(`pgtest/open (\S+) (\S+)`)

func TestKept(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	out, passed := rerun(t, "TestFailKeep", "EMBEDDEDPG_PGTEST_DIR="+parent)
	m := kept.FindStringSubmatch(out)
	if passed || m == nil || !strings.Contains(out, "postgresql://") {
		t.Fatal(out)
	}
	open := exec.Command("go", "run", "nself.org/embeddedpg/pgtest/open", m[1], m[2], "-Atc", "SELECT a FROM evidence")
	open.Env = append(os.Environ(), "GOFLAGS=")
	if out, err := open.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "42" {
		t.Errorf("%v: %s", err, out)
	}
	// The next failure takes its place.
	out, _ = rerun(t, "TestFailKeep", "EMBEDDEDPG_PGTEST_DIR="+parent)
	n := kept.FindStringSubmatch(out)
	if n == nil || n[1] == m[1] {
		t.Fatal(out)
	}
	if _, err := os.Stat(m[1]); !os.IsNotExist(err) {
		t.Error("the first one is still there:", err)
	}
	if _, err := os.Stat(n[1]); err != nil {
		t.Error(err)
	}
}

func TestPassNothingLeft(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	if out, passed := rerun(t, "TestHandles", "EMBEDDEDPG_PGTEST_DIR="+parent); !passed {
		t.Fatal(out)
	}
	empty(t, parent)
}

// empty waits until nothing is in a directory.
func empty(t *testing.T, dir string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		left, err := filepath.Glob(filepath.Join(dir, "*"))
		if err == nil && len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("left behind:", left, err)
		}
	}
}

// TestKeptElsewhere: what is kept does not stay in memory.
func TestKeptElsewhere(t *testing.T) {
	if testing.Short() {
		t.Skip("as TestKept, with another server")
	}
	t.Parallel()
	if hostdir.Memory() == "" {
		t.Skip("needs /dev/shm with 2 GiB free")
	}
	temp := t.TempDir()
	out, passed := rerun(t, "TestFailKeep", "EMBEDDEDPG_PGTEST_DIR=", "TMPDIR="+temp)
	m := kept.FindStringSubmatch(out)
	if passed || m == nil || filepath.Dir(m[1]) != temp {
		t.Fatal(out)
	}
	shown := regexp.MustCompile(`host=(/dev/shm/\S+?)&`).FindStringSubmatch(out)
	if shown == nil {
		t.Fatal("the server was not in memory: ", out)
	}
	open := exec.Command("go", "run", "nself.org/embeddedpg/pgtest/open", m[1], m[2], "-Atc", "SELECT a FROM evidence")
	open.Env = append(os.Environ(), "GOFLAGS=")
	if out, err := open.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "42" {
		t.Errorf("%v: %s", err, out)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(shown[1]); os.IsNotExist(err) {
			break
		} else if time.Now().After(end) {
			t.Fatal("still in memory: ", shown[1], err)
		}
	}
}

func TestFailMigration(t *testing.T) {
	needsFail(t)
	t.Run("SQL", func(t *testing.T) { pgtest.New(t, pgtest.SQL("CREATE TABEL x ()")) })
	t.Run("again", func(t *testing.T) { pgtest.New(t, pgtest.SQL("CREATE TABEL x ()")) })
	t.Run("no files", func(t *testing.T) { pgtest.New(t, pgtest.MigrateFS(os.DirFS("testdata"), "*.none")) })
	var ran atomic.Int32
	once := pgtest.Migrate("once", func(context.Context, *pgtest.DB) error {
		ran.Add(1)
		return errors.New("as it should")
	})
	for range 3 {
		t.Run("once", func(t *testing.T) { pgtest.New(t, once) })
	}
	fatal := func(t *testing.T) pgtest.Option {
		return pgtest.Migrate("fatal", func(context.Context, *pgtest.DB) error {
			ran.Add(1)
			t.FailNow()
			return nil
		})
	}
	for range 2 {
		t.Run("fatal", func(t *testing.T) { pgtest.New(t, fatal(t)) })
	}
	t.Log("runs:", ran.Load())
}

func TestMigrationFails(t *testing.T) {
	out, passed := rerun(t, "TestFailMigration")
	if passed || strings.Count(out, `syntax error at or near "TABEL"`) != 2 || !strings.Contains(out, "no file matches *.none") {
		t.Error(out)
	}
	if strings.Count(out, "as it should") != 3 || strings.Count(out, "ended the test that it ran in") != 1 || !strings.Contains(out, "runs: 2\n") {
		t.Error("a migration that fails runs again:", out)
	}
}

// patchedBinary returns a copy of this test binary with another build ID, as one of edited sources has.
func patchedBinary(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(text))
	if err != nil {
		t.Skip("needs a test binary in ELF:", err)
	}
	section := f.Section(".note.go.buildid")
	if section == nil {
		t.Fatal("the test binary has no build ID")
	}
	text[section.Offset+section.Size-8] ^= 1
	name := filepath.Join(t.TempDir(), "other.test")
	if err := os.WriteFile(name, text, 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}
