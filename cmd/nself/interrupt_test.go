package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// atOnce is the most that an interrupted command may take to end, with tests beside it.
const atOnce = 5 * time.Second

// watched is an output that a test waits on.
type watched struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(b)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// interrupt runs a command, sends it a signal once its standard error has the text and delay is over, and returns what it left.
func (p *projectDir) interrupt(s syscall.Signal, text string, delay time.Duration, args ...string) result {
	p.t.Helper()
	var out bytes.Buffer
	var stderr watched
	cmd := p.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	for begin := time.Now(); !strings.Contains(stderr.String(), text); time.Sleep(10 * time.Millisecond) {
		select {
		case <-ended:
			p.t.Fatalf("nself %v ended with code %d before it said %q: %s", args, cmd.ProcessState.ExitCode(), text, stderr.String())
		default:
		}
		if time.Since(begin) > time.Minute {
			cmd.Process.Kill()
			p.t.Fatalf("nself %v does not say %q: %s", args, text, stderr.String())
		}
	}
	time.Sleep(delay)
	begin := time.Now()
	cmd.Process.Signal(s)
	select {
	case <-ended:
	case <-time.After(atOnce):
		p.t.Errorf("nself %v goes on %s after %s", args, time.Since(begin).Round(time.Millisecond), s)
		cmd.Process.Kill()
		<-ended
	}
	p.t.Logf("nself %v ended %s after %s: %q", args, time.Since(begin).Round(time.Millisecond), s, stderr.String())
	return result{out.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// interruptedWhile wants the words of an interrupted command.
func (r result) interruptedWhile(t *testing.T, command string) {
	t.Helper()
	if r.code != 130 || !strings.Contains(r.err, "nself: "+command+": interrupted\n") || strings.Contains(r.err, "context canceled") {
		t.Errorf("code %d, %q", r.code, r.err)
	}
}

// TestInterruptCompile interrupts what compiles first, which cannot be stopped within the compiler.
func TestInterruptCompile(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	warm := p.env
	cold := append(warm, "HOME="+t.TempDir(), "EMBEDDEDPG_ENGINE=wasmtime") // nothing compiled is kept there
	const compiling, wait = "Compiling", 300 * time.Millisecond

	p.env = cold
	p.interrupt(syscall.SIGINT, compiling, wait, alone...).interruptedWhile(t, "start")
	p.gone()
	p.interrupt(syscall.SIGINT, compiling, wait, "run", "--", "true").interruptedWhile(t, "run")
	p.gone()
	if r := p.interrupt(syscall.SIGTERM, compiling, wait, alone...); r.code != 143 {
		t.Errorf("SIGTERM: %+v", r)
	}
	p.gone()
	p.env = warm
	p.start()
	p.env = cold
	p.interrupt(syscall.SIGINT, compiling, wait, "psql", "-c", "SELECT 1").interruptedWhile(t, "psql")
	if r := p.interrupt(syscall.SIGINT, compiling, wait, "db", "dump", "x.dump"); r.code != 130 {
		t.Errorf("%+v", r)
	}
	if left, _ := filepath.Glob(filepath.Join(p.dir, "*x.dump*")); len(left) > 0 {
		t.Error("left:", left)
	}
	p.env = warm
}

// TestInterruptBackup interrupts the making of a backup, its proof and its return, each of which would take a minute.
func TestInterruptBackup(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: dumps and restores take seconds of every processor")
	}
	t.Parallel()
	p := newProject(t, "BACKUP_DIR="+t.TempDir(), "POSTGRES_DB=app")
	p.start()
	// Its index is made at once here, and in a minute wherever it is restored.
	p.query("CREATE FUNCTION slow(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN IF current_database() <> 'app' THEN PERFORM pg_sleep(60); END IF; RETURN i; END $$")
	p.query("CREATE TABLE t AS SELECT 1 AS i; CREATE INDEX ON t (public.slow(i))")
	p.ok("backup", "create")
	const wait = time.Second
	r := p.interrupt(syscall.SIGINT, "Restoring", wait, "backup", "verify", "latest")
	r.interruptedWhile(t, "backup verify")
	if strings.Contains(r.err, "as it was") || strings.Contains(r.err, "restore:") {
		t.Error("a proof does not touch the database:", r.err)
	}
	r = p.interrupt(syscall.SIGINT, "Restoring", wait, "backup", "restore", "latest", "--yes")
	r.interruptedWhile(t, "backup restore")
	if !strings.Contains(r.err, "as it was") {
		t.Error("it does not say what became of the database:", r.err)
	}
	if got := p.query("SELECT (SELECT i FROM t) || ' ' || string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE NOT datistemplate"); got != "1 app postgres" {
		t.Error("after an interrupted restore:", got)
	}
	lock := p.command("psql", "-Xqc", "BEGIN; LOCK t; SELECT pg_sleep(60)")
	if err := lock.Start(); err != nil {
		t.Fatal(err)
	}
	defer lock.Wait()
	defer lock.Process.Kill()
	for i := 0; p.query("SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND mode = 'AccessExclusiveLock'") == "0"; i++ {
		if i > 200 {
			t.Fatal("the table is not locked")
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.interrupt(syscall.SIGINT, "", 2*time.Second, "backup", "create").interruptedWhile(t, "backup create")
	if out := p.ok("backup", "list"); strings.Count(out, "_full_") != 1 {
		t.Error("after an interrupted backup:", out)
	}
}
