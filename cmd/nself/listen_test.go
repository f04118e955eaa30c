package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg/cmd/nself/internal/certs"
)

func TestPlainRule(t *testing.T) {
	for _, tt := range []struct {
		rules string
		plain string
	}{
		{"", ""},
		{"# host all all all trust\n\nlocal all all trust\n", ""},
		{"hostssl all all all scram-sha-256\n", ""},
		{"host all all 127.0.0.1/32 scram-sha-256\nhost all all ::1/128 trust\nhost all all localhost trust\nhost all all 127.0.0.1 255.255.255.255 md5\n", ""},
		{"host all all all reject\nhost all all 0.0.0.0/0 reject\nhost all all 10.0.0.0 255.0.0.0 reject\n", ""},
		{"local all all trust\nhost all all all scram-sha-256\n", "line 2"},
		{"hostnossl all all 10.0.0.0/8 md5\n", "line 1"},
		{"host a, b all samenet trust # x\n", "line 1"},
		{"host\tall\tall\t127.0.0.1/0\ttrust\n", "line 1"},
		{"host all all ::/0 trust\n", "line 1"},
		{"host all all \\\n 0.0.0.0/0 trust\n", "line 1"},
		{"include other.conf\n", "line 1"},
		{"hostgssenc all all all gss\n", "line 1"},
		{"host all all all\n", "line 1"},
		{"host all all 10.0.0.1 255.255.255.255 trust\n", "line 1"},
		{"hostssl all all all scram-sha-256\nhost replication all all scram-sha-256\n", "line 2"},
	} {
		file := filepath.Join(t.TempDir(), "pg_hba.conf")
		if err := os.WriteFile(file, []byte(tt.rules), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := plainRule(file)
		if err != nil || (got == "") != (tt.plain == "") || !strings.HasPrefix(got, tt.plain) {
			t.Errorf("%q: %q, %v", tt.rules, got, err)
		}
	}
}

// TestListenWide listens for other machines only where nobody gets in without TLS.
func TestListenWide(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	wide := append(alone, "--listen", "0.0.0.0:0") // restart keeps the port that it takes
	r := p.run(wide...)
	if r.code != 1 || !strings.Contains(r.err, "listen on 0.0.0.0:0: ") || !strings.Contains(r.err, "certificate") || !strings.Contains(r.err, "server.crt") {
		t.Errorf("%+v", r)
	}
	p.start()
	p.ok("stop")
	data := filepath.Join(p.dir, defaultRuntime, "pgdata")
	if _, err := certs.Ensure(t.TempDir(), data, "db.test", time.Now()); err != nil {
		t.Fatal(err)
	}
	r = p.run(wide...)
	if r.code != 1 || !strings.Contains(r.err, "pg_hba.conf lets them in") || !strings.Contains(r.err, "line ") || !strings.Contains(r.err, "hostssl") {
		t.Errorf("%+v", r)
	}
	hba := filepath.Join(data, "pg_hba.conf")
	rules := strings.ReplaceAll("\n"+string(must(os.ReadFile(hba))), "\nhost ", "\nhostssl ")
	if err := os.WriteFile(hba, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	p.ok(wide...)
	_, port, _ := strings.Cut(p.state().Listen, "]:")
	if port == "" {
		_, port, _ = strings.Cut(p.state().Listen, ":")
	}
	password := strings.TrimSpace(string(must(os.ReadFile(filepath.Join(p.dir, defaultRuntime, "password")))))
	url := func(mode string) string {
		return "postgresql://postgres:" + password + "@127.0.0.1:" + port + "/postgres?sslmode=" + mode + "&sslrootcert=" + filepath.Join(data, certs.AuthorityFile)
	}
	if r := p.run("psql", url("disable"), "-c", "SELECT 1"); r.code == 0 || !strings.Contains(r.err, "no encryption") {
		t.Errorf("without TLS: %+v", r)
	}
	p.ok("restart", "postgres")
	if got := p.query("SHOW ssl"); got != "on" {
		t.Error("after a restart, ssl is", got)
	}
	if out := p.ok("psql", url("verify-ca"), "-XAtc", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"); out != "t\n" {
		t.Error(out)
	}
}
