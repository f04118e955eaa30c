//go:build linux

package main

import (
	"bytes"
	"testing"

	"nself.org/embeddedpg/internal/image"
)

func TestReadReport(t *testing.T) {
	for _, tt := range []struct {
		name, report string
		ok, of       int
		passed       bool
		skipped      string
		ended        string
	}{
		{"passes", "ok 1 - a\nok 2\n1..2\n", 2, 2, true, "", ""},
		{"plan first", "1..2\nok 1 - a\nok 2 - b\n", 2, 2, true, "", ""},
		{"fails", "ok 1 - a\nnot ok 2 - b\n#   Failed test\n1..2\n", 1, 2, false, "", ""},
		{"short of its plan", "1..3\nok 1 - a\n", 1, 3, false, "", ""},
		{"no plan", "ok 1 - a\n", 1, 1, false, "", "did not end"},
		{"nothing", "", 0, 0, false, "", "did not end"},
		{"bails out", "ok 1 - a\nBail out!  no\n", 1, 1, false, "", "bailed out"},
		{"skips all", "1..0 # SKIP not here\n", 0, 0, false, "not here", ""},
		{"skips one", "ok 1 # skip no\nok 2\n1..2\n", 2, 2, true, "", ""},
		{"known failure", "not ok 1 - a # TODO later\n1..1\n", 1, 1, true, "", ""},
		{"subtests", "    not ok 1 - inner\n    1..1\nnot ok 1 - outer\n1..1\n", 0, 1, false, "", ""},
	} {
		r := readReport([]byte(tt.report))
		r.with = withAll
		if r.ok != tt.ok || r.of != tt.of || r.passed() != tt.passed || r.skipped != tt.skipped || r.ended != tt.ended {
			t.Errorf("%s: %+v, passed %t", tt.name, r, r.passed())
		}
	}
}

// TestLedger: a row survives, and only a failure that the ledger does not have is worse.
func TestLedger(t *testing.T) {
	path := t.TempDir() + "/ledger.md"
	pass := result{with: withAll, ok: 2, of: 2}
	fail := result{with: withAll, ok: 1, of: 2, failed: []string{"b"}}
	known := entry{file: "a/t/1.pl", status: unsupported, reason: "by design"}
	if (entry{ours: fail}).worse(known) || (entry{ours: pass}).worse(entry{}) {
		t.Error("a known failure, or a pass, is worse")
	}
	if !(entry{ours: fail}).worse(entry{status: supported}) || !(entry{ours: fail}).worse(entry{}) {
		t.Error("a new failure is not")
	}
	if err := (ledger{known.file: known}).write(path); err != nil {
		t.Fatal(err)
	}
	if err := updateLedger(path, entry{file: known.file, ours: fail, native: pass}); err != nil {
		t.Fatal(err)
	}
	l, err := readLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	got := l["a/t/1.pl"]
	if got.status != unsupported || got.reason != "by design" || got.oursCell != "1 of 2" || got.nativeCell != "2 of 2" || got.with != withAll {
		t.Errorf("%+v", got)
	}
	if got = (entry{file: got.file, ours: pass}).merged(got); got.status != supported || got.reason != "" {
		t.Errorf("%+v", got)
	}
}

// TestShellModule: the server with a shell differs from the embedded one in one constant.
func TestShellModule(t *testing.T) {
	changed, err := shellModule()
	if err != nil {
		t.Fatal(err)
	}
	embedded, err := image.Postgres.Wasm()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := range changed {
		if changed[i] != embedded[i] {
			n++
		}
	}
	if len(changed) != len(embedded) || n == 0 || n > len(constant(1<<31)) || bytes.Equal(changed, embedded) {
		t.Errorf("%d bytes differ of %d, %d", n, len(changed), len(embedded))
	}
}
