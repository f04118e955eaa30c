package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nself.org/embeddedpg/cmd/nself/internal/compose"
)

// fakeDocker answers like Docker on Linux. What Compose is asked it writes to the file asked; the containers
// are what the file containers says.
const fakeDocker = `case "$1 $2" in
"info --format") echo '{"ServerVersion":"28.5.2","OperatingSystem":"Linux"}' ;;
"context inspect") echo '{"Name":"here","Endpoints":{"docker":{"Host":"unix:///run/docker.sock"}}}' ;;
"network inspect") echo 172.17.0.1 ;;
"compose version") echo 2.40.3 ;;
"compose --project-directory")
	shift 7
	echo "$*" >> asked
	case "$1" in
	ps) cat containers 2>/dev/null || true ;;
	up) test ! -e fail || { echo "container auth is unhealthy" >&2; exit 1; } ;;
	logs) echo "log of $*" ;;
	esac ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac`

const runningStack = `{"Service":"hasura","State":"running","Health":"healthy","Status":"Up 3 minutes (healthy)"}
{"Service":"auth","State":"running","Health":"starting","Status":"Up 3 seconds (health: starting)"}
{"Service":"nginx","State":"exited","Health":"","Status":"Exited (1)"}
`

// asked returns what Compose was asked since the last time.
func (p *projectDir) asked() string {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, "asked"))
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	os.Remove(filepath.Join(p.dir, "asked"))
	return strings.TrimSpace(string(b))
}

// freePorts keeps the services' ports off those of other programs of the machine.
const freePorts = "HASURA_PORT=28080\nAUTH_PORT=24000\nNGINX_HTTP_PORT=28081\nNGINX_HTTPS_PORT=28443\n"

func TestStack(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.docker(fakeDocker)
	p.write(".env.local", freePorts)
	if out := p.ok("build", "--embedded-pg", "--json"); !strings.Contains(out, `"kind": "socket"`) {
		t.Error(out)
	}
	if b := must(os.ReadFile(filepath.Join(p.dir, ".env"))); !strings.Contains(string(b), "NSELF_EMBEDDED_PG=true") {
		t.Error("build --embedded-pg wrote a .env without it")
	}
	p.start() // the database alone: its socket is not open to containers

	out := p.ok("start", "--only", "all", "--skip-db-init")
	for _, want := range []string{"The backend runs", "localhost:28080", "localhost:24000", "localhost:28443"} {
		if !strings.Contains(out, want) {
			t.Errorf("start says nothing of %s: %s", want, out)
		}
	}
	if asked := p.asked(); asked != "ps --all --format json\nup --detach --remove-orphans --wait --wait-timeout 120" {
		t.Error(asked)
	}
	p.write("containers", strings.NewReplacer("starting", "healthy", "exited", "running").Replace(runningStack))
	if r := p.run("status"); r.code != 0 || !strings.Contains(r.out, "Summary: 4/4") {
		t.Errorf("%+v", r)
	}
	s := p.state()
	p.sharedSocket(t)
	p.asked()
	p.unhealthyStack(t)
	var urls []compose.URL
	if err := json.Unmarshal([]byte(p.ok("urls", "--json")), &urls); err != nil || !slices.ContainsFunc(urls, func(u compose.URL) bool { return u.Service == "postgres" }) {
		t.Error(urls, err)
	}

	p.asked()
	p.ok("stop")
	if asked := p.asked(); asked != "down --remove-orphans --timeout 30" {
		t.Error(asked)
	}
	if _, err := os.Stat(filepath.Dir(s.SocketDir)); !os.IsNotExist(err) {
		t.Error("stop left the socket directory", err)
	}

	// With Docker gone the database can still be stopped.
	p.start()
	p.docker("echo 'Cannot connect to the Docker daemon' >&2; exit 1")
	if r := p.run("stop"); r.code != 0 || !strings.Contains(r.out, "PostgreSQL has stopped") || !strings.Contains(r.err, "not checked") {
		t.Errorf("%+v", r)
	}
}

// sharedSocket looks at the socket that containers mount, before and after a restart of the database.
func (p *projectDir) sharedSocket(t *testing.T) {
	s := p.state()
	dir, err := os.Stat(s.SocketDir)
	if err != nil || dir.Mode().Perm() != 0o755 || !s.Shared {
		t.Error(dir.Mode(), err, s)
	}
	if socket, err := os.Stat(filepath.Join(s.SocketDir, ".s.PGSQL.5432")); err != nil || socket.Mode().Perm() != 0o666 {
		t.Error(socket.Mode(), err)
	}
	if parent, err := os.Stat(filepath.Dir(s.SocketDir)); err != nil || parent.Mode().Perm() != 0o700 {
		t.Error(parent.Mode(), err)
	}
	if file := must(os.ReadFile(filepath.Join(p.dir, compose.File))); !strings.Contains(string(file), s.SocketDir) {
		t.Error("the compose file does not mount " + s.SocketDir)
	}

	// The directory that containers have mounted stays the same one.
	p.ok("restart", "postgres")
	if again, err := os.Stat(s.SocketDir); err != nil || !os.SameFile(dir, again) || !p.state().Shared {
		t.Error("a restart of the database made another socket directory", err)
	}
}

// unhealthyStack has services that do not run or are not healthy, as status, health, logs and start show them.
func (p *projectDir) unhealthyStack(t *testing.T) {
	p.write("containers", runningStack)
	if r := p.run("status"); r.code != 1 || !strings.Contains(r.out, "Summary: 2/4") || !strings.Contains(r.out, "Exited (1)") {
		t.Errorf("%+v", r)
	}
	if r := p.run("health"); r.code != 1 || r.out != "unhealthy: auth is starting, nginx is exited\n" {
		t.Errorf("%+v", r)
	}
	p.write("containers", "["+strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(runningStack, "starting", "unhealthy")), "\n", ",")+"]") // older Compose
	if r := p.run("health"); r.code != 2 || r.out != "unhealthy: auth is running, nginx is exited\n" {
		t.Errorf("%+v", r)
	}
	if out := p.ok("logs", "hasura", "-n", "5"); out != "log of logs --no-color --tail 5 hasura\n" {
		t.Error(out)
	}
	p.write("fail", "")
	r := p.run("start", "--skip-db-init", "--timeout", "33")
	if r.code != 1 || !strings.Contains(r.err, "container auth is unhealthy\n") || !strings.Contains(r.err, "nself: start the services: it ended with exit code 1\n  its message is above; nself status says which service") {
		t.Errorf("%+v", r)
	}
}

// TestStackBranch: a switch brings the containers to the other database, and a database beside it leaves them alone.
func TestStackBranch(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.docker(fakeDocker)
	p.write(".env.local", freePorts)
	p.ok("start", "--embedded-pg")
	p.query("CREATE TABLE t AS SELECT 1 AS i")
	p.write("containers", strings.NewReplacer("starting", "healthy", "exited", "running").Replace(runningStack))
	was := p.state()
	p.ok("branch", "create", "try")
	p.asked()
	p.ok("--branch", "try", "start")
	p.ok("--branch", "try", "stop")
	if asked := p.asked(); asked != "" {
		t.Error("a database beside the stack's asked:", asked)
	}
	p.ok("branch", "switch", "try", "--yes")
	if asked := p.asked(); !strings.Contains(asked, "up --detach --remove-orphans --force-recreate") {
		t.Error(asked)
	}
	s := p.state()
	if file := must(os.ReadFile(filepath.Join(p.dir, compose.File))); s.Branch != "try" || !s.Shared || s.SocketDir == was.SocketDir ||
		!strings.Contains(string(file), s.SocketDir) || strings.Contains(string(file), was.SocketDir) {
		t.Errorf("the compose file does not mount the branch's socket: %+v", s)
	}
	if got := p.query("TABLE t"); got != "1" {
		t.Error(got)
	}
	if _, err := os.Stat(filepath.Dir(was.SocketDir)); !os.IsNotExist(err) {
		t.Error("the other socket directory is left", err)
	}
	p.asked()
	p.ok("stop")
	if asked := p.asked(); asked != "down --remove-orphans --timeout 30" {
		t.Error(asked)
	}
}

// TestStackInDocker has the database in Docker too.
func TestStackInDocker(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.docker(fakeDocker)
	p.write(".env.local", freePorts+"POSTGRES_PORT=25432\n")
	p.ok("start")
	if asked := p.asked(); asked != "up --detach --remove-orphans --wait --wait-timeout 120" {
		t.Error(asked)
	}
	if file := must(os.ReadFile(filepath.Join(p.dir, compose.File))); !strings.Contains(string(file), "postgres_data") {
		t.Error("no postgres in the compose file")
	}
	if _, err := os.Stat(filepath.Join(p.dir, defaultRuntime)); err == nil {
		t.Error("there is a runtime directory")
	}
	if r := p.run("status"); r.code != 2 || !strings.Contains(r.out, "Summary: 0/4") {
		t.Errorf("%+v", r)
	}
	if r := p.run("stop", "--volumes"); r.code != 1 || !strings.Contains(r.err, "will be lost") || !strings.Contains(r.err, "--yes") {
		t.Errorf("%+v", r)
	}
	p.asked()
	p.ok("stop", "--volumes", "--yes")
	if asked := p.asked(); asked != "down --remove-orphans --timeout 30 --volumes" {
		t.Error(asked)
	}
	p.ok("reset", "--keep-data")
	if _, err := os.Stat(filepath.Join(p.dir, compose.File)); err == nil {
		t.Error("reset left the compose file")
	}
	if _, err := os.Stat(filepath.Join(p.dir, ".env")); err != nil {
		t.Error(err)
	}
}
