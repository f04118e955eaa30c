package stress

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// serious keeps those messages of the server's log that no load should bring about.
type serious struct {
	mu struct {
		sync.Mutex
		lines []string
	}
}

// expected are the SQLSTATEs of what the load provokes: an administrator's or a client's cancel and termination,
// lost connections, deadlocks, a division by zero, a duplicate key.
var expected = []string{"57014", "57P01", "08006", "08P01", "40P01", "22012", "23505", "25P02"}

// Enabled implements slog.Handler.
func (s *serious) Enabled(_ context.Context, level slog.Level) bool { return true }

// Handle implements slog.Handler.
func (s *serious) Handle(_ context.Context, r slog.Record) error {
	var state, backend string
	var attrs strings.Builder
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "sqlstate":
			state = a.Value.String()
		case "backend":
			backend = a.Value.String()
		}
		fmt.Fprintf(&attrs, " %s=%.300s", a.Key, a.Value)
		return true
	})
	bad := r.Level >= slog.LevelError
	for _, e := range expected {
		bad = bad && state != e
	}
	// A worker that starts while its query is being cancelled finds the shared memory gone.
	if backend == "parallel worker" && state == "55000" {
		bad = false
	}
	if strings.HasSuffix(r.Message, "due to administrator command") {
		bad = false // of a process that has not read its settings yet, and so gives no state
	}
	for _, text := range []string{"terminated by signal", "invalid page", "could not fsync", "is missing"} {
		bad = bad || strings.Contains(r.Message, text)
	}
	if !bad {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.lines) < 50 {
		s.mu.lines = append(s.mu.lines, r.Level.String()+" "+r.Message+attrs.String())
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (s *serious) WithAttrs([]slog.Attr) slog.Handler { return s }

// WithGroup implements slog.Handler.
func (s *serious) WithGroup(string) slog.Handler { return s }

func (s *serious) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.mu.lines, "\n")
}
