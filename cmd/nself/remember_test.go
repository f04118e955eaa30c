package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// TestRemember has start keep its flags: a start without any, and a restart, do the same, which needs no Docker.
func TestRemember(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	r := p.run("start", "--embedded-pg", "--only", "postgres", "--listen", "127.0.0.1:0")
	if r.code != 0 || !strings.Contains(r.err, "NSELF_ONLY=postgres") || !strings.Contains(r.err, "NSELF_LISTEN=127.0.0.1:0") {
		t.Fatalf("%+v", r)
	}
	address := p.state().Listen
	if r := p.run("start"); r.code != 0 || strings.Contains(r.err, "NSELF_") {
		t.Errorf("start without flags, of what runs: %+v", r)
	}
	p.ok("restart")
	if got := p.state().Listen; got != address {
		t.Errorf("restart: %q, was %q", got, address)
	}
	p.ok("stop")
	p.ok("start")
	if got := p.state().Listen; !strings.HasPrefix(got, "127.0.0.1:") {
		t.Errorf("start after stop: %q", got)
	}
	// And back.
	if r := p.run("start", "--listen", "none"); r.code != 0 {
		t.Errorf("%+v", r)
	}
	p.ok("stop")
	p.ok("start")
	if got := p.state().Listen; got != "" {
		t.Errorf("--listen none is not kept: %q", got)
	}
	p.ok("stop")
	if r := p.run("start", "--only", "all"); r.code == 0 || !strings.Contains(r.err, "Docker") {
		t.Errorf("--only all: %+v", r)
	}
	b, err := os.ReadFile(filepath.Join(p.dir, ".env"))
	if err != nil || !strings.Contains(string(b), "NSELF_ONLY=postgres") {
		t.Errorf("a start that failed is remembered: %v\n%s", err, b)
	}
}

// TestListenAsks: a start that would disconnect clients asks first.
func TestListenAsks(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	pid := p.state().PID
	c, err := pgx.Connect(t.Context(), strings.TrimSpace(p.ok("run", "--", "sh", "-c", `echo "$DATABASE_URL"`)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if r := p.run("start", "--listen", "127.0.0.1:0"); r.code == 0 || !strings.Contains(r.err, "disconnects 1 client") || !strings.Contains(r.err, "--yes") {
		t.Errorf("%+v", r)
	}
	if err := c.Ping(t.Context()); err != nil || p.state().PID != pid {
		t.Error("the client was cut:", err)
	}
	p.ok("start", "--listen", "127.0.0.1:0", "--yes")
	s := p.state()
	if s.Listen == "" {
		t.Errorf("%+v", s)
	}
	p.ok("start", "--listen", s.Listen) // it does already
	if p.state().PID != s.PID {
		t.Error("it was started again although it listens there")
	}
	p.ok("start", "--listen", "127.0.0.1:0") // any port: it does already
	if p.state().PID != s.PID {
		t.Error("it was started again although it listens on some port")
	}
}

func TestReaches(t *testing.T) {
	for _, tt := range []struct {
		now, wanted string
		want        bool
	}{
		{"", "", true},
		{"127.0.0.1:5432", "", true},
		{"", "127.0.0.1:0", false},
		{"127.0.0.1:5432", "127.0.0.1:5432", true},
		{"127.0.0.1:5432", "127.0.0.1:0", true},
		{"127.0.0.1:5432", "127.0.0.1:5433", false},
		{"127.0.0.1:5432", "192.0.2.1:5432", false},
		{"[::1]:5432", "[::1]:0", true},
		{"192.0.2.1:5432", "db.example.org:5432", true},
	} {
		if got := reaches(supervisor.State{Listen: tt.now}, supervisor.Options{Listen: tt.wanted}); got != tt.want {
			t.Errorf("%q for %q: %v", tt.now, tt.wanted, got)
		}
	}
	if reaches(supervisor.State{}, supervisor.Options{Shared: true}) {
		t.Error("containers are to reach a socket that is this user's alone")
	}
}

// TestInitAdvice does what init says next where there is no Docker.
func TestInitAdvice(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	out := p.ok("init")
	advice := "nself start --embedded-pg --only postgres"
	if !strings.Contains(out, "  "+advice+"\n") {
		t.Fatal(out)
	}
	p.ok(strings.Fields(advice)[1:]...)
	if got := p.query("SELECT 5"); got != "5" {
		t.Error(got)
	}
}

// TestSubdirectory finds the project from below it, from elsewhere by -C, and begins another by init alone.
func TestSubdirectory(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	p.query("CREATE TABLE t AS SELECT 7 AS i")
	top := p.dir
	sub := filepath.Join(top, "web", "src")
	if err := os.MkdirAll(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	p.dir = sub
	p.write("q.sql", "SELECT i FROM t;\n")
	if got := strings.TrimSpace(p.ok("psql", "-XAtqf", "q.sql")); got != "7" {
		t.Error("psql with a file of the present directory:", got)
	}
	if out := p.start(); !strings.Contains(out, "already running") {
		t.Error(out)
	}
	p.ok("status")
	entries, err := os.ReadDir(sub)
	if err != nil || len(entries) != 1 {
		t.Error("a second project was begun:", entries, err)
	}
	p.dir = t.TempDir()
	for _, c := range [][]string{{"-C", sub}, {"-C" + sub}, {"--directory=" + top}, {"-C", top, "-C", "web"}} {
		if got := strings.TrimSpace(p.ok(append(c, "psql", "-XAtqc", "SELECT i FROM t")...)); got != "7" {
			t.Error(c, got)
		}
	}
	if r := p.run("-C", filepath.Join(top, "none"), "status"); r.code != 1 || !strings.Contains(r.err, "none") {
		t.Errorf("%+v", r)
	}
	p.dir = sub
	p.ok("init", "--name", "second")
	if r := p.run("status"); r.code != 2 || !strings.Contains(r.out, "stopped") {
		t.Errorf("init did not begin a project here: %+v", r)
	}
	p.dir = top
}

// TestUnanswering has a server that does not answer, and what doctor advises helps.
func TestUnanswering(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: waits until a server that does not end is killed")
	}
	t.Parallel()
	p := newProject(t)
	p.start()
	s := p.state()
	if out, err := exec.Command("kill", "-STOP", strconv.Itoa(s.ServerPID)).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	begin := time.Now()
	if r := p.run("health"); r.code != 2 || !strings.Contains(r.out, "does not answer") {
		t.Errorf("%+v", r)
	}
	t.Log("health took", time.Since(begin))
	for _, f := range p.findings() {
		if f.Check == "database" && (f.Status != "failure" || !strings.Contains(f.Hint, "nself restart postgres")) {
			t.Errorf("%+v", f)
		}
	}
	p.ok("restart", "postgres")
	if got := p.query("SELECT 5"); got != "5" {
		t.Error(got)
	}
}
