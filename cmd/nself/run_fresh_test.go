package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRunFresh gives a command a server of its own beside the project's, and leaves nothing of it.
func TestRunFresh(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	p := newProject(t, "POSTGRES_DB=shop", "POSTGRES_USER=me", "TMPDIR="+temp)
	p.write("migrations/1_t.sql", "CREATE TABLE t (i int);")
	const url = `echo "$DATABASE_URL"`
	first, second := p.ok("run", "--fresh", "--", "sh", "-c", url), p.ok("run", "--fresh", "--", "sh", "-c", url)
	if first == second || !strings.HasPrefix(first, "postgresql://me:") || !strings.Contains(first, "/shop?host=/") {
		t.Error(first, second)
	}
	if _, err := os.Stat(filepath.Join(p.dir, ".nself")); err == nil {
		t.Error("the project has a runtime directory")
	}
	p.start()
	p.query("CREATE TABLE ours AS SELECT 1 AS i")
	self := os.Args[0]
	script := func(args ...string) string {
		return strings.TrimSpace(p.ok(append(append([]string{"run", "--fresh"}, args...), "--", "sh", "-c", `"$0" psql "$DATABASE_URL" -XAtc "SELECT to_regclass('ours') IS NULL, to_regclass('t') IS NULL, current_setting('fsync')"`, self)...))
	}
	if got := script(); got != "t|t|off" {
		t.Error(got)
	}
	if got := script("--migrate"); got != "t|f|off" {
		t.Error("with --migrate:", got)
	}
	if got := p.query("SELECT i FROM ours"); got != "1" {
		t.Error(got)
	}
	p.run("run", "--migrate", "--", "true").says(t, 1, "--migrate", "\n  add --fresh")
	if r := p.run("run", "--fresh", "--", "sh", "-c", "exit 7"); r.code != 7 {
		t.Errorf("%+v", r)
	}
	if left, _ := filepath.Glob(filepath.Join(temp, "embeddedpg-*")); len(left) > 0 {
		t.Error("left:", left)
	}

	// Killed, it leaves what the next one removes.
	cmd := p.command("run", "--fresh", "--", "sh", "-c", "echo; sleep 60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out := must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	must(out.Read(make([]byte, 1)))
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	cmd.Wait()
	time.Sleep(100 * time.Millisecond)
	p.ok("run", "--fresh", "--", "true")
	if left, _ := filepath.Glob(filepath.Join(temp, "embeddedpg-*")); len(left) > 0 {
		t.Error("left of a killed one:", left)
	}
}
