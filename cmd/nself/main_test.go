package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/testenv"
)

// TestMain makes the test's own program nself: a command that a test runs, and the background process it
// leaves, are this program again.
func TestMain(m *testing.M) {
	if os.Getenv("NSELF_TEST_IS_NSELF") != "" {
		main()
		return
	}
	os.Exit(testenv.Run(m.Run))
}

// projectDir is a project's directory and the environment of the commands in it.
type projectDir struct {
	t   *testing.T
	dir string
	env []string
}

// newProject makes an empty project. Its database is stopped at the end of the test.
func newProject(t *testing.T, env ...string) *projectDir {
	t.Helper()
	p := &projectDir{t: t, dir: t.TempDir()}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "POSTGRES_") && !strings.HasPrefix(e, "NSELF_") && !strings.HasPrefix(e, "PG") && !strings.HasPrefix(e, "XDG_RUNTIME_DIR=") {
			p.env = append(p.env, e)
		}
	}
	p.env = append(p.env, "NSELF_TEST_IS_NSELF=1", "GORACE=atexit_sleep_ms=0")
	p.docker("exit 127") // whatever is installed here
	p.env = append(p.env, env...)
	t.Cleanup(func() { p.run("stop") })
	return p
}

// docker puts a docker command that is this shell script before all others.
func (p *projectDir) docker(script string) {
	p.t.Helper()
	dir := p.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		p.t.Fatal(err)
	}
	p.env = append(p.env, "PATH="+dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// result is what a command printed and its exit code.
type result struct {
	out, err string
	code     int
}

func (p *projectDir) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	return cmd
}

func (p *projectDir) run(args ...string) result { return p.runIn("", args...) }

func (p *projectDir) runIn(stdin string, args ...string) result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var out, err bytes.Buffer
	cmd := p.command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &err
	if e := cmd.Start(); e != nil {
		p.t.Fatal(e)
	}
	defer context.AfterFunc(ctx, func() { cmd.Process.Kill() })()
	cmd.Wait()
	return result{out.String(), err.String(), cmd.ProcessState.ExitCode()}
}

// ok wants a command to succeed, and returns its output.
func (p *projectDir) ok(args ...string) string {
	p.t.Helper()
	r := p.run(args...)
	if r.code != 0 {
		log, _ := os.ReadFile(filepath.Join(p.dir, defaultRuntime, "postgres.log"))
		p.t.Fatalf("nself %s: exit code %d\n%s%s\nlog:\n%s", strings.Join(args, " "), r.code, r.out, r.err, log)
	}
	return r.out
}

func (p *projectDir) start() string {
	p.t.Helper()
	return p.ok("start", "--embedded-pg", "--only", "postgres")
}

// state asks status for the supervisor's state.
func (p *projectDir) state() (s supervisor.State) {
	p.t.Helper()
	var r report
	if err := json.Unmarshal([]byte(p.ok("status", "--json")), &r); err != nil {
		p.t.Fatal(err)
	}
	return *r.Services[0].State
}

func (p *projectDir) query(sql string) string {
	p.t.Helper()
	return strings.TrimSpace(p.ok("psql", "-XAtqc", sql))
}

func TestLife(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	if r := p.run("status"); r.code != 2 || !strings.Contains(r.out, "stopped") {
		t.Error("status before start:", r)
	}
	if r := p.run("psql"); r.code != 1 || !strings.Contains(r.err, "nself start --embedded-pg --only postgres") {
		t.Error("psql before start:", r)
	}
	if out := p.ok("stop"); !strings.Contains(out, "not running") {
		t.Error(out)
	}
	if _, err := os.Stat(filepath.Join(p.dir, ".nself")); err == nil {
		t.Error("status, psql or stop made the runtime directory")
	}

	first := p.start()
	if b, err := os.ReadFile(filepath.Join(p.dir, defaultRuntime, ".gitignore")); err != nil || string(b) != "*\n" {
		t.Error("Git would see the password:", string(b), err)
	}
	if !strings.Contains(first, "is ready") {
		t.Error(first)
	}
	p.query("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i")
	if again := p.start(); !strings.Contains(again, "already running") {
		t.Error(again)
	}
	if out := p.ok("status"); !strings.Contains(out, "1/1") {
		t.Error(out)
	}
	runtime := filepath.Join(p.dir, defaultRuntime)
	for _, name := range []string{"pglite.sock", "pglite.sock.bridge"} {
		c, err := net.Dial("unix", filepath.Join(runtime, name))
		if err != nil {
			t.Error(err)
			continue
		}
		c.Close()
	}
	sockets := p.state().SocketDir
	if out := p.ok("stop"); !strings.Contains(out, "has stopped") {
		t.Error(out)
	}
	if _, err := os.Stat(filepath.Dir(sockets)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("left after stop:", sockets, err)
	}
	left, _ := os.ReadDir(runtime)
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != ".gitignore password pgdata postgres.log supervisor.lock" {
		t.Error("left after stop:", got)
	}
	p.start()
	if got := p.query("SELECT sum(i) FROM t"); got != "500500" {
		t.Error(got)
	}
}

func TestPsql(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	if r := p.run("psql", "-Xqc", "SELECT 1/0"); r.code != 1 || !strings.Contains(r.err, "division by zero") {
		t.Errorf("%+v", r)
	}
	if r := p.runIn("SELECT 6*7;\nSELECT 1/0;\nSELECT 8;\n", "psql", "-XAtq", "-v", "ON_ERROR_STOP=1"); r.code != 3 || r.out != "42\n" {
		t.Errorf("%+v", r)
	}
	// It has the host's files and the present directory.
	os.WriteFile(filepath.Join(p.dir, "in.sql"), []byte("CREATE TABLE t (a int, b text);\n\\copy t FROM 'in.csv' CSV\n\\copy t TO 'out.csv' CSV\n"), 0o600)
	os.WriteFile(filepath.Join(p.dir, "in.csv"), []byte("1,one\n2,\"zwei, ü\"\n"), 0o600)
	p.ok("psql", "-Xqf", "in.sql")
	if b, err := os.ReadFile(filepath.Join(p.dir, "out.csv")); err != nil || string(b) != "1,one\n2,\"zwei, ü\"\n" {
		t.Error(string(b), err)
	}
	// An interrupt cancels the query.
	cmd := p.command("psql", "-Xqc", "SELECT pg_sleep(60)")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i := 0; p.query("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'") == "0"; i++ {
		if i > 500 {
			t.Fatal("the query does not run")
		}
		time.Sleep(50 * time.Millisecond)
	}
	cmd.Process.Signal(os.Interrupt)
	begin := time.Now()
	cmd.Wait()
	if time.Since(begin) > 30*time.Second || !strings.Contains(stderr.String(), "canceling statement due to user request") {
		t.Error(time.Since(begin), stderr.String())
	}
}

// TestCrash kills the background process and has start repair it.
func TestCrash(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.start()
	p.query("CREATE TABLE t AS SELECT 7 AS i")
	if err := syscall.Kill(p.state().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var r result
	for i := 0; i < 100; i++ {
		if r = p.run("status"); r.code == 2 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if r.code != 2 || !strings.Contains(r.out, "crashed") || !strings.Contains(r.out, "nself start") {
		t.Fatalf("%+v", r)
	}
	p.start()
	if got := p.query("SELECT i FROM t"); got != "7" {
		t.Error(got)
	}
}

// TestSecrets looks for the password wherever someone else may look.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const password = "a-very-Secret-word"
	p := newProject(t, "POSTGRES_PASSWORD="+password)
	shown := p.start() + p.start() + p.ok("status") + p.ok("status", "--json")
	p.query("SELECT 1")
	runtimeDir := filepath.Join(p.dir, defaultRuntime)
	log, _ := os.ReadFile(filepath.Join(runtimeDir, "postgres.log"))
	state, _ := os.ReadFile(filepath.Join(runtimeDir, "state.json"))
	shown += string(log) + string(state)
	pid := p.state().PID
	if runtime.GOOS == "linux" {
		for _, f := range []string{"cmdline", "environ"} {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, f))
			if err != nil {
				t.Error(err)
			}
			shown += string(b)
		}
	}
	if strings.Contains(shown, password) {
		t.Error("the password is shown")
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, "password": 0o600, "state.json": 0o600, "postgres.log": 0o600, "pgdata": 0o700} {
		st, err := os.Stat(filepath.Join(runtimeDir, name))
		if err != nil || st.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v", name, st.Mode(), err)
		}
	}
	socket, err := os.Stat(filepath.Join(runtimeDir, "pglite.sock"))
	if err != nil || socket.Mode().Perm() != 0o600 {
		t.Error(socket, err)
	}

	// A new password becomes the role's, and does not get into the log either.
	p.ok("stop")
	const next = "another-Secret-'word\\"
	p.env = append(p.env, "POSTGRES_PASSWORD="+next, "POSTGRES_DB=made later")
	p.start()
	if got := p.query("SELECT current_database()"); got != "made later" {
		t.Error(got)
	}
	log, _ = os.ReadFile(filepath.Join(runtimeDir, "postgres.log"))
	if strings.Contains(string(log), "another-Secret") {
		t.Error("the new password is in the log")
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	p := newProject(t, "NSELF_EMBEDDED_PG=true")
	p.dir = filepath.Join(p.dir, strings.Repeat("a directory with a long name/", 5))
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	dotenv := "# a comment\nPOSTGRES_USER=me\nPOSTGRES_DB=\"my db\"\nPOSTGRES_PORT=6543\nPOSTGRES_PASSWORD='from the file, long'\n"
	os.WriteFile(filepath.Join(p.dir, ".env"), []byte(dotenv), 0o600)
	p.ok("start", "--only", "postgres") // the variable is the flag
	if got := p.query("SELECT current_user || '/' || current_database() || '/' || current_setting('port')"); got != "me/my db/6543" {
		t.Error(got)
	}
	if s := p.state(); s.Port != 6543 || len(s.SocketDir) > 80 {
		t.Errorf("%+v", s)
	}
}

func TestForeground(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(p.dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	p.env = append(p.env, "NOTIFY_SOCKET="+filepath.Join(p.dir, "notify"))
	cmd := p.command("start", "--embedded-pg", "--only", "postgres", "--foreground")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	for i := 0; p.run("status").code != 0; i++ {
		if i > 300 {
			t.Fatal("does not become ready")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got := p.query("SELECT 5"); got != "5" {
		t.Error(got)
	}
	word := make([]byte, 100)
	notify.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := notify.Read(word); err != nil || string(word[:n]) != "READY=1" {
		t.Errorf("systemd is told %q, %v", word[:n], err)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "is ready") {
		t.Error(out.String())
	}
	if r := p.run("status"); r.code != 2 || !strings.Contains(r.out, "stopped") {
		t.Errorf("%+v", r)
	}
}

// TestTwoStarts runs two at once: one database, and both succeed.
func TestTwoStarts(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	results := make(chan result, 2)
	for range 2 {
		go func() { results <- p.run("start", "--embedded-pg", "--only", "postgres") }()
	}
	for range 2 {
		if r := <-results; r.code != 0 {
			t.Errorf("%+v", r)
		}
	}
	if got := p.query("SELECT 5"); got != "5" {
		t.Error(got)
	}
}

// TestTakenSocketDir has another user's directory where ours would be.
func TestTakenSocketDir(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "nself-test-") // a short name, in which a socket directory has room
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := newProject(t, "XDG_RUNTIME_DIR="+dir)
	p.start()
	if s := p.state(); strings.HasPrefix(s.SocketDir, dir) {
		t.Error("what logout empties holds the socket of a database that stays:", s.SocketDir)
	}
	p.ok("stop")
}
