// Package stack_test runs the whole stack, with stand-ins for Hasura and Auth: see run.sh.
package stack_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"nself.org/embeddedpg/cmd/nself/internal/compose"
	"nself.org/embeddedpg/cmd/nself/internal/docker"
	"nself.org/embeddedpg/cmd/nself/internal/project"
)

// stack is a project whose services run in Docker.
type stack struct {
	t      *testing.T
	nself  string // the program
	dir    string
	env    []string
	ports  map[string]int
	client *http.Client // trusts the project's authority
	admin  string       // Hasura's secret
}

// newStack builds nself and makes an empty directory, with ports that are free.
func newStack(t *testing.T) *stack {
	t.Helper()
	if os.Getenv("NSELF_STACK") == "" {
		t.Skip("needs a Docker engine and images: make check-stack")
	}
	s := &stack{t: t, dir: filepath.Join(t.TempDir(), "stacktest"), ports: map[string]int{}}
	s.nself = filepath.Join(t.TempDir(), "nself")
	if out, err := exec.Command("go", "build", "-o", s.nself, "nself.org/embeddedpg/cmd/nself").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, e := range os.Environ() {
		if (!strings.HasPrefix(e, "POSTGRES_") || strings.HasPrefix(e, "POSTGRES_IMAGE=")) && !strings.HasPrefix(e, "NSELF_") && !strings.HasPrefix(e, "PG") && !strings.HasPrefix(e, "HASURA_GRAPHQL") {
			s.env = append(s.env, e)
		}
	}
	for _, name := range []string{"HASURA_PORT", "AUTH_PORT", "NGINX_HTTP_PORT", "NGINX_HTTPS_PORT"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		s.ports[name] = l.Addr().(*net.TCPAddr).Port
		s.env = append(s.env, fmt.Sprintf("%s=%d", name, s.ports[name]))
	}
	t.Cleanup(func() {
		if t.Failed() {
			out, _ := s.run("logs")
			t.Log(out)
			log, _ := os.ReadFile(filepath.Join(s.dir, ".nself/embedded-pg/postgres.log"))
			t.Logf("%s", log[max(0, len(log)-5000):])
		}
		s.run("stop")
	})
	return s
}

// run runs nself, and returns what it printed.
func (s *stack) run(args ...string) (string, error) { return s.runWith(nil, args...) }

func (s *stack) runWith(env []string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.nself, args...)
	cmd.Dir, cmd.Env = s.dir, slices.Concat(s.env, env)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (s *stack) ok(args ...string) string {
	s.t.Helper()
	begin := time.Now()
	out, err := s.run(args...)
	if err != nil {
		s.t.Fatalf("nself %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	s.t.Logf("nself %s: %s\n%s", strings.Join(args, " "), time.Since(begin).Round(time.Millisecond), out)
	return out
}

// query asks the embedded database, also where the project says NSELF_EMBEDDED_PG=false: psql takes no flags of nself's.
func (s *stack) query(sql string) string {
	s.t.Helper()
	out, err := s.runWith([]string{"NSELF_EMBEDDED_PG=true"}, "psql", "-XAtqc", sql)
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", sql, err, out)
	}
	return strings.TrimSpace(out)
}

// config is the project as nself reads it.
func (s *stack) config() *project.Project {
	s.t.Helper()
	p, err := project.Load(s.dir, s.env)
	if err != nil {
		s.t.Fatal(err)
	}
	p.SetEmbedded(true)
	return p
}

// containers asks Docker Compose itself: service to "ID state health".
func (s *stack) containers() map[string]string {
	s.t.Helper()
	engine, err := docker.Find(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	argv := compose.Command(engine, s.config(), "ps", "--all", "--format", "json")
	out, err := exec.Command(argv[0], argv[1:]...).Output()
	if err != nil {
		s.t.Fatal(err)
	}
	found := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var c struct{ ID, Service, State, Health string }
		if err := d.Decode(&c); err == io.EOF {
			return found
		} else if err != nil {
			s.t.Fatalf("%v: %s", err, out)
		}
		found[c.Service] = c.ID + " " + c.State + " " + c.Health
	}
}

// trust reads the secrets and the certificate that start has made.
func (s *stack) trust() {
	s.t.Helper()
	s.admin = s.config().Get("HASURA_GRAPHQL_ADMIN_SECRET")
	authority, err := os.ReadFile(filepath.Join(s.dir, "ssl", "ca.crt"))
	if err != nil {
		s.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	s.client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 10}}
}

// graphql sends a request through Nginx.
func (s *stack) graphql(ctx context.Context, operation, name string) (string, error) {
	body, err := json.Marshal(map[string]string{"operation": operation, "name": name})
	if err != nil {
		return "", err
	}
	return s.post(ctx, "/api/v1/graphql", "application/json", string(body))
}

func (s *stack) post(ctx context.Context, path, kind, body string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("https://localhost:%d%s", s.ports["NGINX_HTTPS_PORT"], path), strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("X-Hasura-Admin-Secret", s.admin)
	resp, err := s.client.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return strings.TrimSpace(string(text)), err
}

// load sends 100 requests, 10 at a time, to Hasura and Auth, and returns how many failed and one reason.
func (s *stack) load(round string) (failed int, last error) {
	var mu sync.Mutex
	var group sync.WaitGroup
	work := make(chan int)
	for range 10 {
		group.Go(func() {
			for i := range work {
				var err error
				name := fmt.Sprintf("%s-%d@example.org", round, i)
				switch i % 4 {
				case 0:
					_, err = s.graphql(context.Background(), "query", "")
				case 1:
					_, err = s.graphql(context.Background(), "mutation", name)
				case 2:
					_, err = s.post(context.Background(), "/auth/signup", "application/x-www-form-urlencoded", url.Values{"email": {name}}.Encode())
				case 3:
					_, err = s.graphql(context.Background(), "subscription", "")
				}
				if err != nil {
					mu.Lock()
					failed, last = failed+1, err
					mu.Unlock()
				}
			}
		})
	}
	for i := range 100 {
		work <- i
	}
	close(work)
	group.Wait()
	return failed, last
}

// good wants 100 requests to succeed, and the rows of the 50 that write.
func (s *stack) good(round string) {
	s.t.Helper()
	begin := time.Now()
	if failed, err := s.load(round); failed > 0 {
		s.t.Errorf("%s: %d of 100 requests failed, one with: %v", round, failed, err)
	}
	s.t.Logf("%s: 100 requests in %s", round, time.Since(begin).Round(time.Millisecond))
	s.rows(s.query, round)
}

// rows wants the rows of the requests that write.
func (s *stack) rows(query func(string) string, round string) {
	s.t.Helper()
	if got := query("SELECT (SELECT count(*) FROM posts WHERE author LIKE '" + round + "-%') || ' ' || (SELECT count(*) FROM auth.users WHERE email LIKE '" + round + "-%')"); got != "25 25" {
		s.t.Errorf("%s: posts and users: %s", round, got)
	}
}

// recover waits until a request succeeds again.
func (s *stack) recover(what string) {
	s.t.Helper()
	begin := time.Now()
	for {
		_, hasura := s.graphql(context.Background(), "query", "")
		_, auth := s.post(context.Background(), "/auth/signup", "application/x-www-form-urlencoded", "email=recover@example.org")
		if hasura == nil && auth == nil {
			s.t.Logf("%s: the services answer again after %s", what, time.Since(begin).Round(time.Millisecond))
			return
		}
		if time.Since(begin) > 30*time.Second {
			s.t.Fatalf("%s: no recovery: %v; %v", what, hasura, auth)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// healthy wants the three containers, and those more, healthy, and no other.
func (s *stack) healthy(more ...string) map[string]string {
	s.t.Helper()
	all := s.containers()
	for _, name := range append(more, "hasura", "auth", "nginx") {
		if !strings.HasSuffix(all[name], " running healthy") {
			s.t.Errorf("%s: %q", name, all[name])
		}
	}
	if len(all) != 3+len(more) {
		s.t.Errorf("containers: %v", all)
	}
	return all
}

// TestStack is a project's life, by both routes.
func TestStack(t *testing.T) {
	s := newStack(t)
	shown := s.ok("start", "--embedded-pg")
	s.trust()
	before := s.healthy()
	s.good("first")
	shown += s.ok("status", "--json") + s.ok("urls", "--json") + s.ok("doctor", "--json") + commandLines(t)
	for _, secret := range project.Secrets() {
		if v := s.config().Get(secret); v != "" && strings.Contains(shown, v) {
			t.Errorf("%s is shown", secret)
		}
	}
	for i := 0; s.query("SELECT count(*) FROM hdb_catalog.event_log WHERE NOT delivered OR tries <> 1 OR payload -> 'user' ->> 'x-hasura-role' <> 'admin'") != "0"; i++ {
		if i > 50 {
			t.Fatal("events are not delivered once: ", s.query("SELECT * FROM hdb_catalog.event_log WHERE NOT delivered OR tries <> 1 LIMIT 3"))
		}
		time.Sleep(200 * time.Millisecond)
	}

	// A client that goes away cancels its statement.
	sleeping := "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan struct{})
	go func() { defer close(gone); s.graphql(ctx, "sleep", "") }()
	s.until("the statement runs", func() bool { return s.query(sleeping) == "1" })
	cancel()
	<-gone
	s.until("the statement is cancelled", func() bool { return s.query(sleeping) == "0" })

	if out := s.ok("start", "--embedded-pg"); strings.Contains(out, "Creating") {
		t.Error("a second start is not a no-op:", out)
	}

	// The database goes and comes under the containers, in order and by a crash.
	s.ok("restart", "--embedded-pg", "postgres")
	s.recover("restart")
	s.good("restarted")
	pid, _ := s.supervisor()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.ok("start", "--embedded-pg")
	s.recover("crash")
	s.good("recovered")
	after := s.healthy()
	for name := range after {
		if id, _, _ := strings.Cut(before[name], " "); !strings.HasPrefix(after[name], id) {
			t.Errorf("%s is another container", name)
		}
	}
	s.stopped()

	// The same data by TCP.
	s.env = append(s.env, "NSELF_DB_ROUTE=tcp")
	s.ok("start", "--embedded-pg")
	s.healthy()
	s.good("tcp")
	if got := s.query("SELECT count(*) FROM posts"); got != "100" {
		t.Error("posts after a new start:", got)
	}
	if got := s.query("SELECT count(*) > 0 FROM pg_stat_activity WHERE client_addr IS NOT NULL"); got != "t" {
		t.Error("nobody came by TCP")
	}
	s.stopped()
}

// commandLines are those of all processes of this machine.
func commandLines(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 && runtime.GOOS == "linux" {
		t.Error("no process to be seen:", err)
	}
	var all strings.Builder
	for _, f := range files {
		text, _ := os.ReadFile(f) // it may have ended
		all.Write(text)
	}
	return all.String()
}

func (s *stack) until(what string, done func() bool) {
	s.t.Helper()
	for i := 0; !done(); i++ {
		if i > 50 {
			s.t.Fatal("not within 10 s: ", what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// supervisor is the background process's id, and the directory of its sockets.
func (s *stack) supervisor() (pid int, sockets string) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, ".nself/embedded-pg/state.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	var state struct {
		PID       int
		SocketDir string `json:"socket_dir"`
	}
	if err := json.Unmarshal(text, &state); err != nil {
		s.t.Fatal(err)
	}
	return state.PID, state.SocketDir
}

// stopped stops, and wants no container, network, process or socket left.
func (s *stack) stopped() {
	s.t.Helper()
	pid, sockets := s.supervisor()
	s.ok("stop", "--embedded-pg")
	if left, _ := os.ReadDir(sockets); len(left) > 0 {
		s.t.Errorf("left in %s: %v", sockets, left)
	}
	for _, what := range [][]string{{"ps", "--all"}, {"network", "ls"}} {
		out, err := exec.Command("docker", append(what, "--quiet", "--filter", "label=com.docker.compose.project="+s.config().Name)...).CombinedOutput()
		if err != nil || len(bytes.TrimSpace(out)) > 0 {
			s.t.Errorf("docker %s after stop: %s %v", strings.Join(what, " "), out, err)
		}
	}
	if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !strings.Contains(string(state), ") Z ") {
		s.t.Errorf("process %d is left: %s", pid, state)
	}
	for _, name := range []string{"pglite.sock", "pglite.sock.bridge", "state.json"} {
		if _, err := os.Lstat(filepath.Join(s.dir, ".nself/embedded-pg", name)); err == nil {
			s.t.Errorf("%s is left", name)
		}
	}
	for name, port := range s.ports {
		c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), time.Second)
		if err == nil {
			c.Close()
			s.t.Errorf("%s is still open", name)
		}
	}
}
