package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// scrape gets the metrics of an address, as one who asks for host with this token.
func scrape(t *testing.T, address, host, token string) (code int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// TestMetrics finds each series of the dashboard in a scrape of a server in which everything happens that they tell of.
func TestMetrics(t *testing.T) {
	t.Parallel()
	p := newProject(t, "NSELF_WAL_ARCHIVE="+t.TempDir())
	if r := p.run("start", "--embedded-pg", "--only", "postgres", "--metrics", "127.0.0.1:0"); r.code != 0 || !strings.Contains(r.err, "NSELF_METRICS=127.0.0.1:0") {
		t.Fatalf("%+v", r)
	}
	p.query("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
	p.ok("restart")
	p.query("CREATE EXTENSION pg_stat_statements")
	p.query("SELECT pg_create_physical_replication_slot('standby', true), pg_switch_wal()")
	receiver(t, p)
	idle(t, p)
	address := p.state().Metrics
	if !strings.HasPrefix(address, "127.0.0.1:") {
		t.Fatalf("metrics on %q", address)
	}
	queries := dashboard(t)
	var missing []string
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		code, text := scrape(t, address, address, "")
		if code != http.StatusOK || !strings.Contains(text, "\npg_up 1\n") {
			t.Fatal(code, text)
		}
		missing = nil
		for name := range queries {
			if !strings.Contains(text, "\n"+name+" ") && !strings.Contains(text, "\n"+name+"{") {
				missing = append(missing, name)
			}
		}
		for line := range strings.Lines(text) {
			name, _, _ := strings.Cut(line, "{")
			name, _, _ = strings.Cut(name, " ")
			if !strings.HasPrefix(line, "#") && !queries[name] && name != "pg_wal_position_bytes_total" && name != "pg_stat_wal_records_total" && name != "pg_stat_wal_buffers_full_total" && name != "pg_stat_database_numbackends" {
				t.Errorf("%s is on no panel", name)
			}
		}
		if len(missing) == 0 || time.Now().After(end) { // the archiver, and a standby's first message, take a moment
			break
		}
	}
	if len(missing) > 0 {
		t.Errorf("in the dashboard and not in a scrape: %v", missing)
	}
	for _, host := range []string{"evil.example", "evil.example:9187", ""} {
		if code, text := scrape(t, address, host, ""); host != "" && (code != http.StatusForbidden || strings.Contains(text, "pg_")) {
			t.Errorf("Host %q: %d", host, code)
		}
	}
	var r report
	if err := json.Unmarshal([]byte(p.ok("status", "--metrics", "--json")), &r); err != nil || r.Metrics.Connections < 1 || r.Metrics.Stats.Memory == 0 || len(r.Metrics.Stats.Slots) != 1 {
		t.Errorf("%+v %v", r.Metrics, err)
	}
}

// dashboard returns the names of the metrics in the example.
func dashboard(t *testing.T) map[string]bool {
	t.Helper()
	b, err := os.ReadFile("../../examples/grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			for _, name := range regexp.MustCompile(`\b(pg|nself)_\w+`).FindAllString(target.Expr, -1) {
				names[name] = true
			}
		}
	}
	if len(names) < 40 {
		t.Fatal(names)
	}
	return names
}

// receiver takes part as a standby would that has just connected.
func receiver(t *testing.T, p *projectDir) {
	t.Helper()
	cfg, err := pgconn.ParseConfig(p.url())
	if err != nil {
		t.Fatal(err)
	}
	cfg.RuntimeParams["replication"] = "true"
	cfg.RuntimeParams["application_name"] = "standby"
	c, err := pgconn.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	c.Frontend().Send(&pgproto3.Query{String: "START_REPLICATION SLOT standby PHYSICAL 0/1000000"})
	if err := c.Frontend().Flush(); err != nil {
		t.Fatal(err)
	}
	if m, err := c.ReceiveMessage(t.Context()); err != nil {
		t.Fatalf("%T %v", m, err)
	}
}

// idle leaves a session open that has a lock.
func idle(t *testing.T, p *projectDir) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), p.url())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	if _, err := c.Exec(t.Context(), "BEGIN; LOCK pg_class IN ACCESS SHARE MODE"); err != nil {
		t.Fatal(err)
	}
}

// url is the database's, with the password.
func (p *projectDir) url() string {
	p.t.Helper()
	return strings.TrimSpace(p.ok("run", "--", "sh", "-c", `echo "$DATABASE_URL"`))
}

// TestMetricsToken: an address that other machines reach needs a token, and then nobody scrapes without.
func TestMetricsToken(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	if r := p.run("start", "--embedded-pg", "--only", "postgres", "--metrics", "0.0.0.0:0"); r.code != 1 || !strings.Contains(r.err, "NSELF_METRICS_TOKEN") {
		t.Errorf("%+v", r)
	}
	if r := p.run("start", "--embedded-pg", "--only", "postgres", "--metrics", "9187"); r.code != 1 || !strings.Contains(r.err, "127.0.0.1:9187") {
		t.Errorf("%+v", r)
	}
	const token = "secret-of-sixteen"
	p.env = append(p.env, "NSELF_METRICS_TOKEN="+token)
	p.ok("start", "--embedded-pg", "--only", "postgres", "--metrics", "0.0.0.0:0")
	_, port, err := net.SplitHostPort(p.state().Metrics)
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + port
	for sent, want := range map[string]int{"": http.StatusUnauthorized, "another-of-sixteen": http.StatusUnauthorized, token: http.StatusOK} {
		if code, text := scrape(t, address, "db.example.org:9187", sent); code != want || strings.Contains(text, "pg_up") != (want == http.StatusOK) {
			t.Errorf("%q: %d", sent, code)
		}
	}
	if log, err := os.ReadFile(filepath.Join(p.dir, defaultRuntime, "state.json")); err != nil || strings.Contains(string(log), token) {
		t.Error("the token is in state.json", err)
	}
	p.ok("stop")
	if _, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		t.Error("it is still served")
	}
}
