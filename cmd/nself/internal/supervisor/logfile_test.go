package supervisor_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/cluster"
)

// TestLogRoundTrip reads back what is written, whatever is in the texts.
func TestLogRoundTrip(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(supervisor.NewLogHandler(&b))
	texts := []string{"plain", `it's "quoted" = x`, "two\nlines\twith \x1e and ü\x00", "", " ", `a\b`, "key=value", "`", "'a' b", `"`, "\xff"}
	for _, text := range texts {
		log.Log(t.Context(), cluster.LevelFatal, text, "pid", 7, "sqlstate", "57P01", "detail", text, "error", text)
	}
	lines := strings.SplitAfter(b.String(), "\n")
	if len(lines) != len(texts)+1 {
		t.Fatalf("%d lines for %d records", len(lines)-1, len(texts))
	}
	for i, text := range texts {
		r, ok := supervisor.ParseLog(lines[i])
		if !ok || r.Message != text || r.Detail != text || r.Other["error"] != text || r.Level != "FATAL" || r.PID != "7" || r.SQLState != "57P01" || r.Time.IsZero() {
			t.Errorf("%q became %+v", text, r)
		}
	}
	for _, other := range []string{"", "panic: oops", "goroutine 1 [running]:", "a=b", `time=x level=LOG msg=y`, `time="2026`, "main.main()\n"} {
		if r, ok := supervisor.ParseLog(other); ok {
			t.Errorf("%q is a record: %+v", other, r)
		}
	}
	// As earlier versions wrote it.
	old, ok := supervisor.ParseLog("time=2026-01-02T03:04:05.678Z level=ERROR+4 msg=\"terminating connection\" pid=3\n")
	if !ok || old.Level != "FATAL" || !old.AtLeast("ERROR") || old.AtLeast("PANIC") {
		t.Errorf("%+v", old)
	}
}
