package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReload changes the configuration under a running server.
func TestReload(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.run("reload").says(t, 1, "not running", "\n  ")
	p.start()
	conf := filepath.Join(p.dir, defaultRuntime, "pgdata", "postgresql.conf")
	was := must(os.ReadFile(conf))
	set := func(line string) {
		t.Helper()
		if err := os.WriteFile(conf, append(was, "\n"+line+"\n"...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set("work_mem = '7MB'")
	if out := p.ok("reload"); strings.Contains(out, "restart") {
		t.Error(out)
	}
	if got := p.query("SHOW work_mem"); got != "7MB" {
		t.Error(got)
	}
	set("work_mem = '8MB'\nmax_locks_per_transaction = 99")
	if out := p.ok("reload"); !strings.Contains(out, "restart") || !strings.Contains(out, "max_locks_per_transaction") {
		t.Error(out)
	}
	set("work_mem = 'lots'")
	p.run("reload").says(t, 1, "postgresql.conf:", "work_mem", "\n  ")
	if got := p.query("SHOW work_mem"); got != "8MB" {
		t.Error(got)
	}
	set("")
	hba := filepath.Join(p.dir, defaultRuntime, "pgdata", "pg_hba.conf")
	rules := must(os.ReadFile(hba))
	if err := os.WriteFile(hba, append(rules, "host all all nowhere/99 trust\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run("reload").says(t, 1, "pg_hba.conf", "\n  ", "nself logs")
}

// TestURLs: the password is in no URL unless it is asked for, and then the URL works.
func TestURLs(t *testing.T) {
	t.Parallel()
	const password = "a+b /c%d?e@f:g#'h"
	p := newProject(t, "POSTGRES_PASSWORD="+password, "POSTGRES_DB=shop")
	p.ok("start", "--embedded-pg", "--only", "postgres", "--listen", "127.0.0.1:0")
	if out := p.ok("urls"); strings.Contains(out, "a+b") || strings.Contains(out, "a%2Bb") {
		t.Error(out)
	}
	urls := 0
	for field := range strings.FieldsSeq(p.ok("urls", "--with-password")) {
		if strings.HasPrefix(field, "postgresql://") {
			urls++
			if got := strings.TrimSpace(p.ok("psql", field, "-XAtc", "SELECT current_database()")); got != "shop" {
				t.Error(field, got)
			}
		}
	}
	if urls != 2 {
		t.Errorf("%d URLs", urls)
	}
}

// TestOtherDatabase: a POSTGRES_DB that the cluster does not have is made, and it is said that the data may be in another.
func TestOtherDatabase(t *testing.T) {
	t.Parallel()
	p := newProject(t, "POSTGRES_DB=shop")
	p.start()
	p.query("CREATE TABLE t AS SELECT 1")
	p.ok("stop")
	p.env = append(p.env, "POSTGRES_DB=shoop")
	r := p.run(alone...)
	if r.code != 0 || !strings.Contains(r.err, `"shoop"`) || !strings.Contains(r.err, "empty") || !strings.Contains(r.err, "shop (") || !strings.Contains(r.err, "POSTGRES_DB") {
		t.Errorf("%+v", r)
	}
	p.ok("stop")
	if r := p.run(alone...); r.code != 0 || strings.Contains(r.err, "empty") {
		t.Errorf("again: %+v", r)
	}
}

// TestBuildWithoutDocker writes the files where no engine runs, and says for which.
func TestBuildWithoutDocker(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"no command": "", "daemon down": "echo '" + daemonDown + "' >&2; exit 1", "no permission": "echo 'permission denied' >&2; exit 1",
	} {
		p := newProject(t)
		if script != "" {
			p.docker(script)
		} else {
			p.env = append(p.env, "PATH=/nonexistent")
		}
		p.write(".env.local", freePorts)
		r := p.run("build", "--embedded-pg")
		if r.code != 0 || !strings.Contains(r.err, "No Docker engine") || !strings.Contains(r.err, "Docker Engine on Linux") {
			t.Errorf("%s: %+v", name, r)
		}
		if b, err := os.ReadFile(filepath.Join(p.dir, "docker-compose.yml")); err != nil || !strings.Contains(string(b), "hasura") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
