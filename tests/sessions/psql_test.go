package sessions

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg"
)

// session is a running psql that reads its commands from a pipe. Not a terminal, it ends after a SIGINT
// (code 3) and when its connection is lost (code 2).
type session struct {
	t       testing.TB
	name    string
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers chan answer   // one for each call of send; closed at the end of the output
	ended   chan struct{} // closed when psql has ended
	code    int           // its exit code, valid then
	pid     int           // of its backend
}

// answer is what psql printed for the commands of one send.
type answer struct {
	text  string // output and messages, without the last line break
	state string // SQLSTATE of the last statement; "" if psql ended instead of answering
	at    time.Time
}

// marker begins the line that ends an answer. No output of a test has it.
const marker = "--end of answer-- "

// options are where a session begins. Default: database postgres, schema public.
type options struct{ schema, database string }

// open starts a psql that ends with the test.
func open(t testing.TB, s *embeddedpg.Server, name string, o options) *session {
	t.Helper()
	path, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("needs psql on PATH, such as that of Debian's postgresql-client")
	}
	if o.database == "" {
		o.database = "postgres"
	}
	if o.schema == "" {
		o.schema = "public"
	}
	p := &session{t: t, name: name, answers: make(chan answer, 1), ended: make(chan struct{})}
	p.cmd = exec.Command(path, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=off", "-v", "VERBOSITY=terse")
	p.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "PGCLIENTENCODING=UTF8", "PGPASSFILE=/dev/null",
		"PGHOST=" + s.SocketDir(), "PGPORT=5432", "PGUSER=postgres", "PGPASSWORD=" + password, "PGDATABASE=" + o.database,
		"PGAPPNAME=" + name, "PGOPTIONS=-c search_path=" + o.schema,
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	err = p.cmd.Start()
	w.Close()
	if err != nil {
		out.Close()
		t.Fatal(err)
	}
	go p.read(out)
	t.Cleanup(func() {
		p.in.Close()
		p.cmd.Process.Kill()
		for range p.answers {
		}
		<-p.ended
	})
	if p.pid, err = strconv.Atoi(p.query("SELECT pg_backend_pid();")); err != nil {
		t.Fatal(err)
	}
	return p
}

// read makes answers of the output until it ends, and then reaps psql.
func (p *session) read(out *os.File) {
	var text strings.Builder
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if state, ok := strings.CutPrefix(lines.Text(), marker); ok {
			p.answers <- answer{strings.TrimSuffix(text.String(), "\n"), state, time.Now()}
			text.Reset()
			continue
		}
		text.WriteString(lines.Text() + "\n")
	}
	last := answer{text: strings.TrimSuffix(text.String(), "\n"), at: time.Now()}
	out.Close()
	err := p.cmd.Wait()
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		p.code = e.ExitCode()
	}
	close(p.ended)
	p.answers <- last
	close(p.answers)
}

// send gives psql SQL or backslash commands, and does not wait for the answer.
func (p *session) send(sql string) {
	p.t.Helper()
	if _, err := fmt.Fprintf(p.in, "%s\n\\echo '%s':SQLSTATE\n", sql, marker); err != nil {
		p.t.Fatalf("%s: send %s: %v", p.name, sql, err)
	}
}

// answered reports whether the answer is there.
func (p *session) answered() bool { return len(p.answers) > 0 }

// answer waits for the answer to the oldest send.
func (p *session) answer() answer {
	p.t.Helper()
	select {
	case a, ok := <-p.answers:
		if !ok {
			p.t.Fatalf("%s: psql has ended", p.name)
		}
		return a
	case <-time.After(limit):
		p.t.Fatalf("%s: no answer", p.name)
	}
	panic("unreachable")
}

// wants waits for the answer and holds it against the SQLSTATE. It returns the output.
func (p *session) wants(state string) string {
	p.t.Helper()
	a := p.answer()
	if a.state != state {
		p.t.Fatalf("%s: SQLSTATE %q, want %q: %s", p.name, a.state, state, a.text)
	}
	return a.text
}

// success is successful completion, ERRCODE_SUCCESSFUL_COMPLETION in errcodes.txt.
const success = "00000"

// query runs SQL whose last statement must succeed, and returns the output.
func (p *session) query(sql string) string {
	p.t.Helper()
	p.send(sql)
	return p.wants(success)
}

// fails runs SQL whose last statement must fail with that SQLSTATE, and returns the message.
func (p *session) fails(sql, state string) string {
	p.t.Helper()
	p.send(sql)
	return p.wants(state)
}

// is runs a query and holds its output against want.
func (p *session) is(sql, want string) {
	p.t.Helper()
	if got := p.query(sql); got != want {
		p.t.Errorf("%s: %s: %q, want %q", p.name, sql, got, want)
	}
}

// ends waits until psql has ended, with that exit code and with text among its last output.
func (p *session) ends(code int, text string) {
	p.t.Helper()
	a := p.answer()
	if a.state != "" {
		p.t.Fatalf("%s: psql did not end, but answered %s: %s", p.name, a.state, a.text)
	}
	<-p.ended
	if p.code != code {
		p.t.Errorf("%s: psql's exit code is %d, want %d", p.name, p.code, code)
	}
	if !strings.Contains(a.text, text) {
		p.t.Errorf("%s: psql's last words are %q, want %q among them", p.name, a.text, text)
	}
}
