package studio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"nself.org/embeddedpg/internal/hostdir"
)

// Entry is a query that was run.
type Entry struct {
	At       time.Time `json:"at"`
	Database string    `json:"database"`
	SQL      string    `json:"sql"`
	Seconds  float64   `json:"seconds"`
	Rows     int       `json:"rows"`
	Error    string    `json:"error,omitempty"`
}

// Limits of the history.
const (
	maxEntries  = 500
	maxEntrySQL = 100 << 10 // what is longer is not kept
)

// history is the queries that were run: a file with a JSON object a line, for its owner alone, since values are in
// there that nobody else is to see.
type history struct {
	path string
	mu   sync.Mutex
}

func (h *history) add(e Entry) error {
	if h.path == "" || len(e.SQL) > maxEntrySQL {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	list, err := h.read()
	if err != nil {
		return err
	}
	list = append(list, e)
	list = list[max(0, len(list)-maxEntries):]
	var b bytes.Buffer
	lines := json.NewEncoder(&b)
	for _, e := range list {
		if err := lines.Encode(e); err != nil {
			return err
		}
	}
	return hostdir.Replace(h.path, b.Bytes(), 0o600)
}

// read returns the entries, oldest first. A line that is none, as an editor may leave it, is left out.
func (h *history) read() ([]Entry, error) {
	b, err := os.ReadFile(h.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var list []Entry
	for line := range bytes.Lines(b) {
		var e Entry
		if json.Unmarshal(line, &e) == nil && e.SQL != "" {
			list = append(list, e)
		}
	}
	return list, err
}

// listHistory returns the entries, newest first.
func (s *Studio) listHistory(context.Context, none) ([]Entry, error) {
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	list := []Entry{}
	if s.history.path == "" {
		return list, nil
	}
	found, err := s.history.read()
	list = append(list, found...)
	slices.Reverse(list)
	return list, err
}

func (s *Studio) clearHistory(context.Context, none) (none, error) {
	s.history.mu.Lock()
	defer s.history.mu.Unlock()
	err := os.Remove(s.history.path)
	if errors.Is(err, fs.ErrNotExist) || s.history.path == "" {
		err = nil
	}
	return none{}, err
}
