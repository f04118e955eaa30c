package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// TestCompilingNotice: on a terminal the time runs, and a line of it stays; elsewhere one line says that it takes long.
func TestCompilingNotice(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		var b bytes.Buffer
		p := &progress{w: &b, terminal: terminal}
		for i := range 3 {
			p.show(supervisor.Event{Stage: embeddedpg.StageCompile, Elapsed: time.Duration(i) * 500 * time.Millisecond})
		}
		p.end()
		got := b.String()
		if !strings.Contains(got, "Compiling") || strings.Contains(got, "(1.0 s)") != terminal || strings.Count(got, "\n") != 1 || strings.Contains(got, "\x1b") != terminal {
			t.Errorf("terminal %v: %q", terminal, got)
		}
	}
}
