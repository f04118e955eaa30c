package cluster

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// logged feeds the text, in pieces of n bytes, to a reader and returns the records it made.
func logged(text string, n int) (string, *logReader) {
	var out bytes.Buffer
	h := slog.NewTextHandler(&out, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})
	r, w := io.Pipe()
	l := readLog(r, h)
	for text != "" {
		k := min(n, len(text))
		io.WriteString(w, text[:k])
		text = text[k:]
	}
	w.Close()
	l.wait()
	return out.String(), l
}

// line is a message as the server writes it.
func line(pid, state, backend, db, user, app, text string) string {
	return "\x1e" + strings.Join([]string{pid, state, backend, db, user, app, text}, "\x1f") + "\n"
}

func TestLog(t *testing.T) {
	text := line("7", "00000", "postmaster", "", "", "", "LOG:  starting") +
		line("9", "22012", "client backend", "db", "me", "psql", "ERROR:  division by zero") +
		line("9", "22012", "client backend", "db", "me", "psql", "DETAIL:  it was 0") +
		line("9", "22012", "client backend", "db", "me", "psql", "STATEMENT:  select 1") + "\t/0\n" +
		line("8", "01000", "checkpointer", "", "", "", "WARNING:  two") + "\tlines\n"
	want := `level=INFO msg=starting pid=7 backend=postmaster
level=ERROR msg="division by zero" pid=9 sqlstate=22012 backend="client backend" database=db user=me application=psql detail="it was 0" statement="select 1\n/0"
level=WARN msg="two\nlines" pid=8 sqlstate=01000 backend=checkpointer
`
	if got, _ := logged(text, len(text)); got != want {
		t.Fatalf("got\n%swant\n%s", got, want)
	}
	// However the text is cut, nothing of it is lost.
	for n := 1; n < 40; n++ {
		got, _ := logged(text, n)
		for _, part := range []string{"starting", "division by zero", "it was 0", "select 1", "two"} {
			if !strings.Contains(got, part) {
				t.Fatalf("cut into %d bytes: %q is missing:\n%s", n, part, got)
			}
		}
	}
}

func TestLogFatal(t *testing.T) {
	_, l := logged(line("1", "28000", "client backend", "d", "u", "", "FATAL:  no entry")+
		line("1", "F0000", "postmaster", "", "", "", "FATAL:  lock file exists")+
		line("1", "F0000", "postmaster", "", "", "", "HINT:  Is another postmaster running?")+
		line("1", "00000", "postmaster", "", "", "", "LOG:  shut down"), 1<<20)
	if text, hint := l.fatal(); text != "lock file exists" || hint != "Is another postmaster running?" {
		t.Fatalf("%q, %q", text, hint)
	}
	_, l = logged("2026-01-01 00:00:00.000 UTC [7] FATAL:  configuration file contains errors\n", 1<<20)
	if text, _ := l.fatal(); text != "configuration file contains errors" {
		t.Fatalf("%q", text)
	}
	_, l = logged("postgres: unknown argument\n", 1<<20)
	if text, _ := l.fatal(); text != "postgres: unknown argument" {
		t.Fatalf("%q", text)
	}
}

func TestLogLongLine(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	got, _ := logged(line("1", "00000", "b", "", "", "", "LOG:  "+long), 1<<20)
	if n := strings.Count(got, "x"); n != len(long) {
		t.Fatalf("%d of %d bytes", n, len(long))
	}
}

func TestPidFile(t *testing.T) {
	f := parsePidFile("123\n/data\n1\n5432\n/tmp\nlocalhost\n  5432001    65538\nready   \n")
	if f != (pidFile{PID: 123, Dir: "/data", ShmKey: 5432001, ShmID: 65538, Status: "ready"}) {
		t.Fatalf("%+v", f)
	}
	if f := parsePidFile(""); f.PID != 0 || f.ShmID != -1 || f.Status != "" {
		t.Fatalf("%+v", f)
	}
}

func TestHBA(t *testing.T) {
	for _, text := range []string{hbaProgram, hbaOwn, hbaNew} {
		for _, l := range strings.Split(text, "\n") {
			if strings.HasSuffix(l, "trust") && !strings.Contains(l, "0.0.0.1/32") {
				t.Errorf("let in without a password: %s", l)
			}
		}
	}
	if strings.Contains(hbaOwn+hbaNew, "0.0.0.1") {
		t.Error("the program's rule is in a file")
	}
}
