package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sampleExtension is one whose module is WebAssembly alone.
const sampleExtension = "../../testdata/extension"

// TestExt adds extensions of the pack and of one's own, and removes them.
func TestExt(t *testing.T) {
	t.Parallel()
	p := newProject(t, "NSELF_EMBEDDED_PG=true", "POSTGRES_DB=shop")
	sample := must(filepath.Abs(sampleExtension))
	list := func() map[string]extensionRow {
		t.Helper()
		var rows []extensionRow
		if err := json.Unmarshal([]byte(p.ok("ext", "list", "--json")), &rows); err != nil {
			t.Fatal(err)
		}
		all := map[string]extensionRow{}
		for _, r := range rows {
			all[r.Name] = r
		}
		return all
	}
	if r := list()["pg_cron"]; r.From != "pack" || r.Preload != "needed" {
		t.Errorf("%+v", r)
	}
	p.ok("ext", "add", "hypopg") // which needs nothing
	p.start()
	p.query("CREATE EXTENSION hypopg")

	p.ok("ext", "add", "pg_cron") // restarts the database
	if got := p.query("SELECT current_setting('shared_preload_libraries') || ' ' || current_setting('cron.database_name')"); got != "pg_cron shop" {
		t.Error(got)
	}
	if r := list()["pg_cron"]; r.Preload != "set" {
		t.Errorf("%+v", r)
	}
	p.query("CREATE EXTENSION pg_cron")
	p.run("ext", "remove", "pg_cron").says(t, 1, "DROP EXTENSION")
	p.query("DROP EXTENSION pg_cron")
	p.ok("ext", "remove", "pg_cron")
	if got := p.query("SHOW shared_preload_libraries"); got != "" {
		t.Error(got)
	}
	p.run("ext", "remove", "pg_cron").says(t, 1, "was not added")

	p.ok("ext", "add", sample)
	if r := list()["sample"]; r.From != "project" || r.Version == "" {
		t.Errorf("%+v", r)
	}
	p.run("ext", "add", sample).says(t, 1, "has one of this name", "nself ext remove sample")
	p.ok("ext", "remove", "sample")
	if r, ok := list()["sample"]; ok {
		t.Errorf("%+v", r)
	}
	left := must(os.ReadDir(filepath.Join(p.dir, defaultRuntime, "extensions")))
	if len(left) != 0 {
		t.Error(left)
	}
}

// TestExtRefused: what no server could load is refused before it is in the project, and a server that does not start with a
// module is started without it.
func TestExtRefused(t *testing.T) {
	t.Parallel()
	p := newProject(t, "NSELF_EMBEDDED_PG=true")
	good := must(os.ReadFile(filepath.Join(sampleExtension, "sample.so")))
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		code []byte
		want string
	}{
		"text.so":    {[]byte("#!/bin/sh\n"), "not a WebAssembly module"},
		"cut.so":     {good[:len(good)/2], "cut short"},
		"foreign.so": {[]byte(strings.ReplaceAll(string(good), "errstart_cold", "errstart_gone")), "errstart_gone"},
		"broken.zip": {[]byte("PK"), "zip archive"},
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, tt.code, 0o600); err != nil {
			t.Fatal(err)
		}
		p.run("ext", "add", file).says(t, 1, tt.want, "\n  ")
	}
	p.run("ext", "add", "no_such").says(t, 1, "no_such", "nself ext list")
	p.run("ext", "add", t.TempDir()).says(t, 1, "no module")

	p.start()
	unmagical := filepath.Join(t.TempDir(), "unmagical.so")
	if err := os.WriteFile(unmagical, []byte(strings.ReplaceAll(string(good), "Pg_magic_func", "Pg_magic_gone")), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := p.run("ext", "add", "--preload", unmagical); r.code != 1 || !strings.Contains(r.err, "magic") {
		t.Errorf("%+v", r)
	}
	if left := must(os.ReadDir(filepath.Join(p.dir, defaultRuntime, "extensions"))); len(left) != 0 {
		t.Error(left)
	}
	if got := p.query("SHOW shared_preload_libraries"); got != "" {
		t.Error(got)
	}
}

// TestPreloadNames: what is no name cannot become part of a setting.
func TestPreloadNames(t *testing.T) {
	p := newProject(t, "NSELF_EMBEDDED_PG=true", `POSTGRES_PRELOAD=pg_cron,../x`)
	p.run("ext", "list").says(t, 1, "POSTGRES_PRELOAD", "../x")
	if names := ownExtensions(sampleExtension); len(names) != 1 || !slices.Contains([]string{names["sample"]["default_version"]}, "1.0") {
		t.Error(names)
	}
}
