package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// gone wants no supervisor to be left.
func (p *projectDir) gone() {
	p.t.Helper()
	if r := p.run("status"); r.code != 2 || !strings.Contains(r.out, "stopped") {
		p.t.Errorf("something is left: %+v", r)
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	r := p.run("run", "--", "sh", "-c", `echo "$DATABASE_URL" "$PGHOST" "$PGPORT" "$PGUSER" "$PGDATABASE"; test -n "$PGPASSWORD"`)
	f := strings.Fields(r.out)
	if r.code != 0 || len(f) != 5 || !strings.HasPrefix(f[0], "postgresql://postgres:") || !strings.HasSuffix(f[0], "&port=5432&sslmode=disable") || !strings.HasPrefix(f[1], "/") || f[2] != "5432" || f[3] != "postgres" {
		t.Fatalf("%+v", r)
	}
	if strings.Contains(r.err, "\n") {
		t.Error("it writes on the command's standard error:", r.err)
	}
	p.gone()

	for _, tt := range []struct {
		args []string
		code int
		err  string
	}{
		{[]string{"sh", "-c", "exit 7"}, 7, ""},
		{[]string{"sh", "-c", "kill -TERM $$"}, 128 + 15, ""},
		{[]string{"no-such-program"}, 127, "no-such-program: executable file not found"},
		{[]string{"./script"}, 126, "./script: exec format error"},
	} {
		if err := os.WriteFile(filepath.Join(p.dir, "script"), []byte("echo\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if r := p.run(append([]string{"run", "--"}, tt.args...)...); r.code != tt.code || !strings.Contains(r.err, tt.err) || tt.err == "" && r.err != "" {
			t.Errorf("%v: %+v", tt.args, r)
		}
	}
	p.gone()
}

// TestRunLeaves has a database that ran before stay, and one that a second command or nself start uses.
func TestRunLeaves(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	p.ok("run", "--", "true")
	if p.state().Transient {
		t.Error("a database that was started is transient")
	}
	p.ok("stop")

	state := func() (s supervisor.State) {
		r := p.run("status", "--json")
		var report report
		if err := json.Unmarshal([]byte(r.out), &report); err != nil {
			t.Fatal(err, r)
		}
		if report.Services[0].State != nil {
			s = *report.Services[0].State
		}
		return s
	}
	file := filepath.Join(p.dir, "go-on")
	wait := []string{"run", "--", "sh", "-c", `until test -e go-on; do sleep 0.02; done; echo "$PGHOST"`}
	first := make(chan result, 1)
	go func() { first <- p.run(wait...) }()
	for i := 0; state().Phase != supervisor.Ready; i++ {
		if i > 600 {
			t.Fatal("does not start")
		}
		time.Sleep(20 * time.Millisecond)
	}
	if !state().Transient {
		t.Error("it is not transient")
	}
	p.ok("run", "--", "true") // uses it, and leaves it to the first
	if state().Phase != supervisor.Ready {
		t.Error("the second command stopped it")
	}
	p.start() // from now on it stays
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := <-first; r.code != 0 {
		t.Errorf("%+v", r)
	}
	if s := p.state(); s.Phase != supervisor.Ready || s.Transient {
		t.Errorf("%+v", s)
	}
}

// TestRunSignal passes a signal on, and kills nself itself: neither leaves a database.
func TestRunSignal(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	for _, tt := range []struct {
		signal os.Signal
		code   int
	}{{syscall.SIGTERM, 5}, {syscall.SIGUSR1, 6}, {os.Interrupt, 9}, {os.Kill, -1}} {
		cmd := p.command("run", "--", "sh", "-c", `trap 'exit 5' TERM; trap 'exit 6' USR1; trap 'exit 9' INT; echo; while true; do sleep 0.02; done`)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(tt.signal); err != nil {
			t.Fatal(err)
		}
		if tt.signal == os.Kill {
			defer syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // the shell, which nobody tells
		}
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != tt.code {
			t.Errorf("%v: exit code %d, want %d", tt.signal, got, tt.code)
		}
	}
	for i := 0; !strings.Contains(p.run("status").out, "stopped"); i++ {
		if i > 200 {
			t.Fatal("the database outlives nself run")
		}
		time.Sleep(50 * time.Millisecond)
	}
}
