package supervisor

import (
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"nself.org/embeddedpg/internal/cluster"
)

// LogLevels are PostgreSQL's words for the levels of a log's records, from the least.
var LogLevels = []struct {
	Name  string
	Level slog.Level
}{
	{"DEBUG", slog.LevelDebug},
	{"LOG", slog.LevelInfo},
	{"WARNING", slog.LevelWarn},
	{"ERROR", slog.LevelError},
	{"FATAL", cluster.LevelFatal},
	{"PANIC", cluster.LevelPanic},
}

// levelName is PostgreSQL's word for a level.
func levelName(level slog.Level) string {
	name := LogLevels[0].Name
	for _, l := range LogLevels {
		if level >= l.Level {
			name = l.Name
		}
	}
	return name
}

// NewLogHandler returns the handler that writes a log's records, a line each: slog's text format with PostgreSQL's levels. ParseLog
// reads them.
func NewLogHandler(w io.Writer) slog.Handler {
	return slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if level, ok := a.Value.Any().(slog.Level); ok && a.Key == slog.LevelKey && len(groups) == 0 {
			a.Value = slog.StringValue(levelName(level))
		}
		return a
	}})
}

// LogRecord is one message of a log. Fields that it does not have are empty.
type LogRecord struct {
	Time        time.Time         `json:"time"`
	Level       string            `json:"level"` // one of LogLevels
	Message     string            `json:"message"`
	PID         string            `json:"pid,omitempty"` // PostgreSQL's own number of the session's process
	SQLState    string            `json:"sqlstate,omitempty"`
	Backend     string            `json:"backend,omitempty"` // such as client backend, checkpointer
	Database    string            `json:"database,omitempty"`
	User        string            `json:"user,omitempty"`
	Application string            `json:"application,omitempty"`
	Detail      string            `json:"detail,omitempty"`
	Hint        string            `json:"hint,omitempty"`
	Query       string            `json:"query,omitempty"`
	Context     string            `json:"context,omitempty"`
	Statement   string            `json:"statement,omitempty"`
	Other       map[string]string `json:"other,omitempty"`
}

// AtLeast reports whether the record's level is the given one or a graver one.
func (r LogRecord) AtLeast(level string) bool {
	rank := func(name string) int {
		for i, l := range LogLevels {
			if l.Name == name {
				return i
			}
		}
		return 1 // what has no level is worth as much as a LOG
	}
	return rank(r.Level) >= rank(level)
}

// oldLevels are slog's names for the levels, which logs of earlier versions have.
var oldLevels = map[string]string{"INFO": "LOG", "WARN": "WARNING", "ERROR+4": "FATAL", "ERROR+8": "PANIC"}

// ParseLog reads a line that NewLogHandler's handler wrote; false if it is another's, such as a crash report of Go's runtime.
func ParseLog(line string) (r LogRecord, ok bool) {
	fields := map[string]*string{
		slog.LevelKey: &r.Level, slog.MessageKey: &r.Message, "pid": &r.PID, "sqlstate": &r.SQLState, "backend": &r.Backend, "database": &r.Database,
		"user": &r.User, "application": &r.Application, "detail": &r.Detail, "hint": &r.Hint, "query": &r.Query, "context": &r.Context, "statement": &r.Statement,
	}
	for line = strings.TrimRight(line, "\n"); line != ""; line = strings.TrimPrefix(line, " ") {
		key, rest, found := strings.Cut(line, "=")
		if !found || key == "" || strings.ContainsAny(key, " \"") {
			return LogRecord{}, false
		}
		var value string
		if value, line, found = logValue(rest); !found {
			return LogRecord{}, false
		}
		switch field := fields[key]; {
		case field != nil:
			*field = value
		case key == slog.TimeKey:
			r.Time, _ = time.Parse(time.RFC3339Nano, value) // the zero time is refused below
		default:
			if r.Other == nil {
				r.Other = map[string]string{}
			}
			r.Other[key] = value
		}
	}
	if name, old := oldLevels[r.Level]; old {
		r.Level = name
	}
	return r, !r.Time.IsZero() && r.Level != ""
}

// logValue takes a value from the beginning of a line: up to the next space, or quoted as strconv.Quote does it.
func logValue(line string) (value, rest string, ok bool) {
	if !strings.HasPrefix(line, `"`) {
		value, _, _ = strings.Cut(line, " ")
		return value, line[len(value):], true
	}
	quoted, err := strconv.QuotedPrefix(line)
	if err != nil {
		return "", "", false
	}
	value, err = strconv.Unquote(quoted)
	return value, line[len(quoted):], err == nil
}
