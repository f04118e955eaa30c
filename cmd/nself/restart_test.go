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
	"nself.org/embeddedpg/internal/testenv"
)

// look asks status for the supervisor's state, whatever it is; false if status says none.
func (p *projectDir) look() (serviceReport, bool) {
	p.t.Helper()
	var r report
	if out := p.run("status", "--json").out; json.Unmarshal([]byte(out), &r) != nil || len(r.Services) == 0 {
		return serviceReport{}, false
	}
	return r.Services[0], true
}

// await waits until the database is in a state.
func (p *projectDir) await(what string, ok func(serviceReport) bool) serviceReport {
	p.t.Helper()
	var last serviceReport
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		s, there := p.look()
		if last = s; there && ok(s) {
			return s
		}
	}
	log, _ := os.ReadFile(filepath.Join(p.dir, defaultRuntime, "postgres.log"))
	p.t.Fatalf("it is never %s: %+v %+v\n%s", what, last, last.State, log)
	return last
}

// kill ends the server's process, and waits until its successor serves.
func (p *projectDir) kill(by syscall.Signal) supervisor.State {
	p.t.Helper()
	old := p.state().ServerPID
	if err := syscall.Kill(old, by); err != nil {
		p.t.Fatal(err)
	}
	return *p.await("ready again", func(s serviceReport) bool {
		return s.Healthy && s.State.ServerPID != old
	}).State
}

// TestRestart ends the server's process in different ways. It comes back with everything committed, and the reason is in
// status, doctor and the log.
func TestRestart(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.ok("start", "--embedded-pg", "--only", "postgres", "--listen", "127.0.0.1:0")
	first := p.state()
	if first.ServerPID == 0 || first.ServerPID == first.PID {
		t.Fatalf("the server has no process of its own: %+v", first)
	}
	p.query("CREATE TABLE t AS SELECT 7 AS i")
	for _, tt := range []struct {
		signal syscall.Signal
		want   string
	}{{syscall.SIGKILL, "signal 9"}, {syscall.SIGABRT, "exit code 2"}} {
		now := p.kill(tt.signal)
		if now.PID != first.PID || now.Listen != first.Listen || now.SocketDir != first.SocketDir {
			t.Errorf("%v: not as clients know it: %+v", tt.signal, now)
		}
		if now.LastCrash == nil || !strings.Contains(now.LastCrash.Reason, tt.want) || time.Since(now.LastCrash.At) > time.Hour {
			t.Errorf("%v: %+v", tt.signal, now.LastCrash)
		}
		if tt.signal == syscall.SIGABRT && !strings.Contains(strings.Join(now.LastCrash.Log, "\n"), "SIGABRT") {
			t.Errorf("the process's last words are missing: %q", now.LastCrash.Log)
		}
		if got := p.query("SELECT i FROM t"); got != "7" {
			t.Error(got)
		}
		if out := p.ok("status"); !strings.Contains(out, tt.want) {
			t.Error("status:", out)
		}
		if r := p.run("doctor"); !strings.Contains(r.out, tt.want) {
			t.Error("doctor:", r)
		}
	}
	log, err := os.ReadFile(filepath.Join(p.dir, defaultRuntime, "postgres.log"))
	if err != nil || !strings.Contains(string(log), "signal 9") || !strings.Contains(string(log), "exit code 2") {
		t.Error("the reasons are not in the log", err)
	}
	// A server that somebody shuts down in order is not started again.
	if err := syscall.Kill(p.state().ServerPID, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.await("stopped", func(s serviceReport) bool { return s.Status == string(supervisor.Stopped) })
	// The last crash is still told of after a stop.
	if s, ok := p.look(); !ok || !strings.Contains(p.run("status").out, "exit code 2") {
		t.Errorf("%+v", s)
	}
}

// TestRestartLimit has a server that crashes again and again given up, with the reason, and nself start bring it back.
func TestRestartLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: waits for half a minute")
	}
	t.Parallel()
	p := newProject(t)
	p.start()
	p.query("CREATE TABLE t AS SELECT 7 AS i")
	var waits []time.Duration
	for range 5 {
		begin := time.Now()
		p.kill(syscall.SIGKILL)
		waits = append(waits, time.Since(begin))
	}
	if waits[4] < 8*time.Second || waits[0] > waits[4] {
		t.Errorf("the waits do not grow: %v", waits)
	}
	if err := syscall.Kill(p.state().ServerPID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s := p.await("given up", func(s serviceReport) bool { return s.Status == string(supervisor.Crashed) })
	if !strings.Contains(s.Details, "signal 9") || !strings.Contains(s.Details, "5 times") || !strings.Contains(s.Details, "nself start") {
		t.Error(s.Details)
	}
	if r := p.run("health"); r.code != 2 || !strings.Contains(r.out, "signal 9") {
		t.Errorf("health: %+v", r)
	}
	p.start() // as status says
	if got := p.query("SELECT i FROM t"); got != "7" {
		t.Error(got)
	}
}

// TestRestartStops has stop end a database that is just waiting to be started again.
func TestRestartStops(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	p.kill(syscall.SIGKILL)
	p.kill(syscall.SIGKILL) // from now on the wait is 2 s
	if err := syscall.Kill(p.state().ServerPID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.await("restarting", func(s serviceReport) bool { return s.Status == string(supervisor.Restarting) })
	if r := p.run("psql", "-c", "SELECT 1"); r.code == 0 || !strings.Contains(r.err, "signal 9") {
		t.Errorf("psql meanwhile: %+v", r)
	}
	p.ok("stop")
	if s, _ := p.look(); s.Status != string(supervisor.Stopped) {
		t.Errorf("%+v", s)
	}
}

// TestStopHung stops a database whose process does nothing any more, and shuts down another within no time. Both are killed,
// stop says so, and nothing committed is lost.
func TestStopHung(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	p.query("CREATE TABLE t AS SELECT 7 AS i")
	testenv.Stop(t, p.state().ServerPID)
	if out := p.ok("stop", "--timeout", "1s"); !strings.Contains(out, "within 1s, and was killed") || !strings.Contains(out, "recovers") {
		t.Errorf("stop of a hung database: %q", out)
	}
	p.start()
	if got := p.query("SELECT i FROM t"); got != "7" {
		t.Error(got)
	}
	if out := p.ok("stop", "--timeout", "0"); !strings.Contains(out, "was killed") {
		t.Errorf("stop at once: %q", out)
	}
	p.start()
	if out := p.ok("stop"); strings.Contains(out, "killed") {
		t.Errorf("stop in order: %q", out)
	}
}

// TestStartAfterKill starts right after the background process was killed: its server is still ending.
func TestStartAfterKill(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	p.query("CREATE TABLE t AS SELECT 7 AS i")
	if err := syscall.Kill(p.state().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.start()
	if got := p.query("SELECT i FROM t"); got != "7" {
		t.Error(got)
	}
	if c := p.state().LastCrash; c == nil || !strings.Contains(c.Reason, "background process") {
		t.Errorf("%+v", c)
	}
}
