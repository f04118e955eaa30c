package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// logLine is a line as NewLogHandler writes it.
func logLine(at time.Time, level, message, more string) string {
	return "time=" + at.Format(time.RFC3339Nano) + " level=" + level + ` msg="` + message + `"` + more + "\n"
}

// TestLogs reads a log that is there, with an old file beside it.
func TestLogs(t *testing.T) {
	t.Parallel()
	p := newProject(t, "NSELF_EMBEDDED_PG=true")
	now := time.Now()
	p.write(defaultRuntime+"/postgres-2026-01-02T03-04-05.000.log", logLine(now.Add(-2*time.Hour), "ERROR", "an old error", ""))
	p.write(defaultRuntime+"/postgres.log", logLine(now.Add(-time.Hour), "LOG", "an hour ago", " pid=3")+
		logLine(now.Add(-time.Minute), "ERROR", "division by zero", ` pid=7 sqlstate=22012 database=app user=me application=psql statement="SELECT 1/0;\nSELECT 2"`)+
		"panic: a crash report\n"+
		logLine(now, "FATAL", "terminating", ""))

	out := p.ok("logs")
	for _, want := range []string{"LOG     an hour ago [pid 3]\n", "ERROR   division by zero [22012, me@app, psql, pid 7]\n", "    statement: SELECT 1/0;\n        SELECT 2\n", "panic: a crash report\n", "FATAL   terminating\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	if strings.Contains(out, "old error") || strings.Contains(out, "level=") || strings.Contains(out, "\x1b[") {
		t.Error(out)
	}
	for _, tt := range []struct {
		args      string
		want, not string
	}{
		{"-n 1", "terminating", "crash report"},
		{"--level error", "division", "hour ago"},
		{"--level fatal", "terminating", "division"},
		{"--level error -n 1", "terminating", "division"},
		{"--since 30m", "division", "hour ago"},
		{"--since 3h", "old error", "nothing"},
		{"--since 3h --level error -n -1", "old error", "hour ago"},
		{"--since " + now.Add(-30*time.Second).UTC().Format(time.RFC3339), "terminating", "division"},
	} {
		if out := p.ok(append([]string{"logs"}, strings.Fields(tt.args)...)...); !strings.Contains(out, tt.want) || strings.Contains(out, tt.not) {
			t.Errorf("%s: %s", tt.args, out)
		}
	}
	var records []supervisor.LogRecord
	d := json.NewDecoder(strings.NewReader(p.ok("logs", "--json", "--since", "3h", "--level", "error")))
	for d.More() {
		var r supervisor.LogRecord
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		records = append(records, r)
	}
	if len(records) != 3 || records[1].SQLState != "22012" || records[1].Statement != "SELECT 1/0;\nSELECT 2" || records[2].Level != "FATAL" {
		t.Errorf("%+v", records)
	}
	p.run("logs", "--since", "yesterday").says(t, 1, "--since yesterday", "\n  ", "10m")
	p.run("logs", "--level", "eror").says(t, 1, "--level eror", "error?")
}

// TestLogsFollow follows a log over a rotation, and ends in order when it is interrupted.
func TestLogsFollow(t *testing.T) {
	t.Parallel()
	p := newProject(t, "NSELF_EMBEDDED_PG=true")
	log := filepath.Join(p.dir, defaultRuntime, "postgres.log")
	p.write(defaultRuntime+"/postgres.log", logLine(time.Now(), "ERROR", "first", ""))
	var out watched
	var stderr bytes.Buffer
	cmd := p.command("logs", "--follow", "--level", "error")
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	wait := func(want string) {
		t.Helper()
		for i := 0; !strings.Contains(out.String(), want); i++ {
			if i > 500 {
				t.Fatalf("no %q in %q %s", want, out.String(), stderr.String())
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	add := func(text string) {
		f := must(os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600))
		must(f.WriteString(text))
		f.Close()
	}
	wait("first")
	add(logLine(time.Now(), "LOG", "not this", ""))
	half := logLine(time.Now(), "ERROR", "in two pieces", "")
	add(half[:40])
	time.Sleep(3 * followEvery)
	add(half[40:])
	wait("in two pieces")
	if err := os.Rename(log, log+".old"); err != nil {
		t.Fatal(err)
	}
	add(logLine(time.Now(), "FATAL", "in the next file", ""))
	wait("in the next file")
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Error(err, stderr.String())
	}
	if strings.Contains(out.String(), "not this") || strings.Count(out.String(), "first") != 1 {
		t.Error(out.String())
	}
}
