package main

import (
	"encoding/json"
	"strings"
	"testing"

	"nself.org/embeddedpg/cmd/nself/internal/selftest"
)

// TestSelftest runs all checks: on a machine whose other tests pass none fails.
func TestSelftest(t *testing.T) {
	if testing.Short() {
		t.Skip("a crash, backups and 40 sessions: ten seconds of every processor")
	}
	t.Parallel()
	p := newProject(t)
	r := p.run("doctor", "--selftest", "--json")
	var findings []finding
	if err := json.Unmarshal([]byte(r.out), &findings); err != nil {
		t.Fatalf("%v: %+v", err, r)
	}
	names := selftest.Checks()
	if len(names) < 24 || len(findings) != len(names) || r.code != 0 {
		t.Errorf("%d findings of %d checks, exit code %d, %s", len(findings), len(names), r.code, r.err)
	}
	for i, f := range findings {
		if f.Check != names[i] || f.Status != "ok" || f.Detail == "" || f.Elapsed == 0 {
			t.Errorf("%+v", f)
		}
	}
}

// TestSelftestFails: where nothing can be written, no check passes, and the exit code says so.
func TestSelftestFails(t *testing.T) {
	t.Parallel()
	p := newProject(t, "TMPDIR="+t.TempDir()+"/missing")
	r := p.run("doctor", "--selftest")
	if r.code != 1 || !strings.Contains(r.err, "TMPDIR") || strings.Contains(r.out, "ok ") {
		t.Errorf("%+v", r)
	}
}
