package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/internal/image"
)

// TestUsage: a command line that is not understood is told plainly, with what may have been meant. No words of Cobra's or
// pflag's come through.
func TestUsage(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"strat", []string{"strat", "no such command", "start?"}},
		{"pgdump", []string{"pgdump", "pg_dump?"}},
		{"backup craete", []string{"backup craete", "create?"}},
		{"db lits", []string{"db lits", "list?"}},
		{"db migrate statsu", []string{"db migrate statsu", "status?"}},
		{"db migrate create", []string{"argument is missing", "NAME"}},
		{"run", []string{"argument is missing", "COMMAND"}},
		{"backup verify", []string{"argument is missing", "latest"}},
		{"logs a b", []string{"too many arguments", `"b"`, "SERVICE"}},
		{"status x", []string{"no arguments", `"x"`}},
		{"start --tmeout 3", []string{"start --tmeout", "no such flag", "--timeout?"}},
		{"start -z", []string{"start -z", "no such flag", "--help"}},
		{"start --timeout", []string{"--timeout", "value is missing"}},
		{"start --timeout abc", []string{"--timeout abc", "whole number"}},
		{"stop --timeout 5x", []string{"--timeout 5x", "length of time", "30s"}},
		{"start --quiet=perhaps", []string{"--quiet perhaps", "true nor false"}},
		{"backup create --format zip", []string{"--format zip", "custom, plain, directory or tar"}},
		{"backup create --type bse", []string{"--type bse", "base?"}},
		{"service --format upstart", []string{"--format upstart", "systemd or launchd"}},
		{"restart hasur", []string{"hasur", "hasura?"}},
	} {
		r := p.run(strings.Fields(tt.args)...)
		r.says(t, 1, append(tt.want, "\n")...)
		for _, raw := range []string{"arg(s)", "unknown command", "unknown flag", "invalid argument", "strconv", "pflag"} {
			if strings.Contains(r.err, raw) {
				t.Errorf("%s: %q is not plain: %s", tt.args, raw, r.err)
			}
		}
	}
	if r := p.run("--version"); r.code != 0 || !strings.Contains(r.out, "PostgreSQL "+image.Version) {
		t.Errorf("%+v", r)
	}
	if r := p.run("licenses"); r.code != 0 || !strings.Contains(r.out, "POSSIBILITY OF SUCH DAMAGE") || !strings.Contains(r.out, "pgvector") || !strings.Contains(r.out, "pg_cron") {
		t.Errorf("licenses: %d %.200s", r.code, r.out)
	}
	if left, err := os.ReadDir(p.dir); len(left) > 0 || err != nil {
		t.Error(left, err)
	}
}

// TestCompletion asks as the shell does.
func TestCompletion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := newProject(t, "BACKUP_DIR="+dir, "PROJECT_NAME=shop", "NSELF_EMBEDDED_PG=true")
	for _, name := range []string{"shop", "other"} { // as package backup writes them
		id := name + "_full_20260102_030405"
		text := fmt.Sprintf(`{"kind":"nself backup","version":1,"id":%q,"name":%q,"created":"2026-01-02T03:04:05Z","format":"custom","size":4,"files":[{"name":"","size":4}]}`, id, name)
		for end, content := range map[string]string{".json": text, ".dump": "dump"} {
			if err := os.WriteFile(filepath.Join(dir, id+end), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct{ line, want, not string }{
		{"backup|", "create", "strange"},
		{"backup|verify|", "shop_full_20260102_030405", "other_full"},
		{"backup|restore|", "latest", "other_full"},
		{"db|restore|shop", "shop_full_20260102_030405", "other"},
		{"backup|verify|--name|other|", "other_full_20260102_030405", "shop_full"},
		{"logs|", "hasura", ""},
		{"restart|", "postgres", ""},
		{"stop|--only|", "nginx", ""},
		{"start|--only|", "postgres", "nginx"},
		{"backup|create|--type|", "base", ""},
		{"backup|create|--format|", "directory", ""},
		{"db|dump|--format|", "sql", ""},
		{"service|--format|", "launchd", ""},
		{"branch|switch|", "main", "strange"},
		{"branch|create|x|--from|", "main", ""},
		{"pg|pg_d", "pg_dumpall", ""},
	} {
		out := p.ok(append([]string{cobra.ShellCompRequestCmd}, strings.Split(tt.line, "|")...)...)
		if !strings.Contains(out, tt.want) || tt.not != "" && strings.Contains(out, tt.not) {
			t.Errorf("%s: %q", tt.line, out)
		}
	}
}
