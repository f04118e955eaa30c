package cluster

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// logLinePrefix marks the start of a message and carries, between separators that no ordinary text
// contains: process id, SQLSTATE, backend type, database, user, application name.
const logLinePrefix = "\x1e%p\x1f%e\x1f%b\x1f%d\x1f%u\x1f%a\x1f"

const logFields = 6

// Levels of the server's severities that slog has no name for.
const (
	LevelFatal = slog.LevelError + 4
	LevelPanic = slog.LevelError + 8
)

// severities are the words of error_severity in src/backend/utils/error/elog.c.
var severities = map[string]slog.Level{
	"DEBUG": slog.LevelDebug, "DEBUG1": slog.LevelDebug, "DEBUG2": slog.LevelDebug, "DEBUG3": slog.LevelDebug,
	"DEBUG4": slog.LevelDebug, "DEBUG5": slog.LevelDebug,
	"LOG": slog.LevelInfo, "INFO": slog.LevelInfo, "NOTICE": slog.LevelInfo,
	"WARNING": slog.LevelWarn, "ERROR": slog.LevelError, "FATAL": LevelFatal, "PANIC": LevelPanic,
}

// details are the lines that belong to the message before them, and their attributes.
var details = map[string]string{
	"DETAIL": "detail", "HINT": "hint", "QUERY": "query", "CONTEXT": "context",
	"LOCATION": "location", "BACKTRACE": "backtrace", "STATEMENT": "statement",
}

// logReader turns the server's standard error into slog records, one a message: its continuation
// lines, detail, hint, statement and so on included.
type logReader struct {
	h    slog.Handler
	cur  *logMessage
	done chan struct{}

	mu struct {
		sync.Mutex
		last string // the last FATAL or PANIC
		hint string
		note string // the last message before a FATAL: it says which setting is wrong
		raw  string // the last text that does not come from the server's logging
	}
}

// logMessage is a message whose lines are still coming.
type logMessage struct {
	pid      string
	level    slog.Level
	text     string
	attrs    []slog.Attr
	grow     int // index in attrs of what continuation lines belong to; -1: text
	unmarked bool
}

// readLog reads r to its end in a goroutine; wait waits for it. h may be nil.
func readLog(r io.ReadCloser, h slog.Handler) *logReader {
	l := &logReader{h: h, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		defer r.Close()
		l.read(r)
	}()
	return l
}

func (l *logReader) wait() { <-l.done }

// fatal returns why the server ended by its own words, and its hint.
func (l *logReader) fatal() (text, hint string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.last == "" {
		return l.mu.raw, ""
	}
	return l.mu.last, l.mu.hint
}

// read splits the stream into lines. The server writes a message with one write, so when all that was
// read is used up and ends with a line, the message is complete.
func (l *logReader) read(r io.Reader) {
	buf := make([]byte, 0, 64<<10)
	for {
		if len(buf) == cap(buf) { // a line longer than the buffer
			l.line(string(buf))
			buf = buf[:0]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		used := 0
		for {
			i := bytes.IndexByte(buf[used:], '\n')
			if i < 0 {
				break
			}
			l.line(string(buf[used : used+i]))
			used += i + 1
		}
		if used == len(buf) {
			l.flush()
		}
		buf = buf[:copy(buf, buf[used:])]
		if err != nil {
			if len(buf) > 0 {
				l.line(string(buf))
			}
			l.flush()
			return
		}
	}
}

func (l *logReader) line(s string) {
	if !strings.HasPrefix(s, "\x1e") {
		l.unmarked(s)
		return
	}
	f := strings.SplitN(s[1:], "\x1f", logFields+1)
	if len(f) <= logFields {
		l.unmarked(s)
		return
	}
	word, text, ok := strings.Cut(f[logFields], ":  ")
	if !ok {
		word, text = "LOG", f[logFields]
	}
	if name, ok := details[word]; ok && l.cur != nil && l.cur.pid == f[0] {
		l.cur.attrs = append(l.cur.attrs, slog.String(name, text))
		l.cur.grow = len(l.cur.attrs) - 1
		return
	}
	l.flush()
	level, ok := severities[word]
	if !ok {
		level = slog.LevelInfo
	}
	m := &logMessage{pid: f[0], level: level, text: text, grow: -1}
	for i, name := range []string{"pid", "sqlstate", "backend", "database", "user", "application"} {
		if v := f[i]; v != "" && v != "00000" && v != "[unknown]" {
			m.attrs = append(m.attrs, slog.String(name, v))
		}
	}
	l.cur = m
}

// unmarked takes a line without prefix: a continuation, which the server indents by a tab, or text
// that does not come from its logging.
func (l *logReader) unmarked(s string) {
	rest, tab := strings.CutPrefix(s, "\t")
	switch {
	case tab && l.cur != nil && l.cur.grow < 0:
		l.cur.text += "\n" + rest
	case tab && l.cur != nil:
		a := &l.cur.attrs[l.cur.grow]
		a.Value = slog.StringValue(a.Value.String() + "\n" + rest)
	case l.cur != nil && l.cur.unmarked:
		l.cur.text += "\n" + s
	default:
		l.flush()
		level := slog.LevelInfo
		for word, at := range severities { // before the settings are read, the prefix is the default one
			if strings.Contains(s, word+":  ") && at > level {
				level = at
			}
		}
		l.cur = &logMessage{level: level, text: s, grow: -1, unmarked: true}
	}
}

// flush emits the message whose lines are complete.
func (l *logReader) flush() {
	m := l.cur
	l.cur = nil
	if m == nil || m.text == "" {
		return
	}
	l.remember(m)
	if l.h == nil || !l.h.Enabled(context.Background(), m.level) {
		return
	}
	r := slog.NewRecord(time.Now(), m.level, m.text, 0)
	r.AddAttrs(m.attrs...)
	_ = l.h.Handle(context.Background(), r) // a handler that fails has nowhere to say so
}

// remember keeps what may turn out to be why the server ended.
func (l *logReader) remember(m *logMessage) {
	if m.level < LevelFatal {
		l.mu.Lock()
		defer l.mu.Unlock()
		if m.unmarked {
			l.mu.raw = m.text
		} else {
			l.mu.note = m.text
		}
		return
	}
	if m.unmarked {
		if _, text, ok := strings.Cut(m.text, ":  "); ok {
			m.text = text
		}
	}
	var detail, hint string
	for _, a := range m.attrs {
		switch a.Key {
		case "detail":
			detail = a.Value.String()
		case "hint":
			hint = a.Value.String()
		case "user":
			return // a client that was turned away
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.last, l.mu.hint = m.text, hint
	if strings.Contains(m.text, "contains errors") && l.mu.note != "" {
		l.mu.last += ": " + l.mu.note
	}
	if detail != "" {
		l.mu.last += ": " + detail
	}
}
