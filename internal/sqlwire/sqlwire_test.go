package sqlwire_test

import (
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/sqlwire"
)

// Messages of a server.
const (
	authenticated = "R\x00\x00\x00\x08\x00\x00\x00\x00"
	wantsPassword = "R\x00\x00\x00\x08\x00\x00\x00\x0a"
	ready         = "Z\x00\x00\x00\x05I"
	row           = "D\x00\x00\x00\x0f\x00\x02\x00\x00\x00\x01x\xff\xff\xff\xff" // x, NULL
	refused       = "E\x00\x00\x00\x27SFATAL\x00VFATAL\x00C3D000\x00Mno such one\x00\x00"
)

// serve answers the startup packet and then each message with the next of the answers.
func serve(t *testing.T, answers ...string) net.Conn {
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	go func() {
		defer theirs.Close()
		buf := make([]byte, 64<<10)
		for _, a := range answers {
			if _, err := theirs.Read(buf); err != nil {
				return
			}
			if _, err := io.WriteString(theirs, a); err != nil {
				return
			}
		}
	}()
	return ours
}

func TestQuery(t *testing.T) {
	c, err := sqlwire.Open(t.Context(), serve(t, authenticated+ready, row+row+ready, refused+ready, row+ready), "u", "d", "a")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := c.Query(t.Context(), "SELECT 1")
	if err != nil || !reflect.DeepEqual(rows, [][]string{{"x", ""}, {"x", ""}}) {
		t.Error(rows, err)
	}
	_, err = c.Query(t.Context(), "SELECT 2")
	var told *sqlwire.Error
	if !errors.As(err, &told) || told.Code != "3D000" || told.Message != "no such one" || !strings.Contains(err.Error(), "FATAL") {
		t.Error(err)
	}
	if rows, err := c.Query(t.Context(), "SELECT 3"); err != nil || len(rows) != 1 {
		t.Error("after an error:", rows, err)
	}
	if _, err := c.Query(t.Context(), "SELECT\x00"); err == nil {
		t.Error("a zero byte was sent")
	}
}

func TestOpenFails(t *testing.T) {
	for name, answer := range map[string]string{"refused": refused, "password": wantsPassword, "nothing": "", "cut": ready[:4]} {
		if _, err := sqlwire.Open(t.Context(), serve(t, answer), "u", "d", "a"); err == nil {
			t.Error(name, "is no error")
		}
	}
}

func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	c, err := sqlwire.Open(t.Context(), serve(t, authenticated+ready, row, ""), "u", "d", "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Query(ctx, "SELECT pg_sleep(60)"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{`a`: `'a'`, `it's`: `'it''s'`, `a\'b`: ` E'a\\''b'`} {
		if got := sqlwire.Literal(in); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := sqlwire.Identifier(`a"b`); got != `"a""b"` {
		t.Error(got)
	}
}

// FuzzAnswers gives a session whatever bytes a server may send: it must return, with rows or an error.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{ready, row + ready, refused + ready, row[:9], "D\x7f\xff\xff\xff", "G\x00\x00\x00\x04" + ready, "D\x00\x00\x00\x06\xff\xff", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		ours, theirs := net.Pipe()
		defer ours.Close()
		go io.Copy(io.Discard, theirs)
		go func() {
			io.WriteString(theirs, authenticated+ready+answer)
			theirs.Close()
		}()
		c, err := sqlwire.Open(ctx, ours, "u", "d", "a")
		if err != nil {
			return // the connection was closed while the startup packet was sent
		}
		if _, err := c.Query(ctx, "SELECT 1"); errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	})
}
