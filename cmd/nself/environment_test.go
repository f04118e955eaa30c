package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/testenv"
)

// hostile is the environment of someone who works on another server: everything that libpq reads, and the files.
func hostile(t *testing.T, without ...string) []string {
	t.Helper()
	home := t.TempDir()
	for name, text := range map[string]string{
		".pgpass": "*:*:*:*:wrong\n", ".pg_service.conf": "[no-such-service]\nhost=127.0.0.1\nport=1\n", ".postgresql/root.crt": "damaged",
		".psqlrc": "SELECT 'of psqlrc';\n",
	} {
		file := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(own, ".nself"), filepath.Join(home, ".nself")); err != nil { // compiled code
		t.Fatal(err)
	}
	env := []string{"HOME=" + home}
	for _, v := range testenv.Libpq {
		if len(without) == 0 || without[0] != v.Name {
			env = append(env, v.Name+"="+v.Value)
		}
	}
	return env
}

// TestEnvironment runs each command that connects with every variable that libpq reads set to what would break it: what
// nself connects itself follows none. PGSERVICE hides others from a driver, so there is a round without it.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	for _, without := range []string{"PGSERVICE", "none"} {
		t.Run("without "+without, func(t *testing.T) {
			t.Parallel()
			p := newProject(t, hostile(t, without)...)
			p.write("migrations/001.sql", "CREATE TABLE t AS SELECT current_setting('search_path') AS path, timestamptz '2030-01-01 12:00' AS at;\n")
			p.write("seeds/one.sql", "INSERT INTO t DEFAULT VALUES;\n")
			p.write("plain.sql", "")
			p.start()
			for _, args := range []string{
				"status", "status --metrics", "health", "urls", "db list", "db migrate", "db seed", "db dump full.dump", "db dump plain.sql",
				"db restore --yes full.dump", "backup create", "backup list", "backup create --format plain", "backup verify latest",
				"backup restore --yes latest", "db reset --yes", "restart", "restart postgres", "run -- true",
			} {
				if r := p.run(strings.Fields(args)...); r.code != 0 {
					t.Errorf("nself %s: %+v", args, r)
				}
			}
			if r := p.run("doctor"); r.code == 1 || !strings.Contains(r.out, "ok       database") {
				t.Errorf("nself doctor: %+v", r)
			}
		})
	}
}

// TestOwnEnvironment: a person's settings for every session are kept for psql and for a command of run, and what names
// another server is not.
func TestOwnEnvironment(t *testing.T) {
	t.Parallel()
	p := newProject(t, "PGOPTIONS=-c search_path=mine", "PGTZ=Europe/Oslo", "PGAPPNAME=me", "PGSERVICE=prod", "PGTARGETSESSIONATTRS=standby", "PGCHANNELBINDING=require", "PGHOSTADDR=192.0.2.1")
	p.start()
	const session = "SELECT concat_ws('|', current_setting('search_path'), current_setting('TimeZone'), current_setting('application_name'))"
	if got := p.query(session); got != "mine|Europe/Oslo|me" {
		t.Error("psql:", got)
	}
	got := strings.TrimSpace(p.ok("run", "--", "sh", "-c", `echo "$PGOPTIONS|$PGTZ|$PGAPPNAME|$PGSERVICE$PGTARGETSESSIONATTRS$PGCHANNELBINDING$PGHOSTADDR"`))
	if got != "-c search_path=mine|Europe/Oslo|me|" {
		t.Error("run:", got)
	}
}
