package supervisor

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"nself.org/embeddedpg/internal/fault"
)

// holdWait is how long a transient database waits for its first holder, which asks right after the start.
const holdWait = 15 * time.Second

// serveHold keeps a transient database for as long as the request lasts: a program that is killed lets go too.
func (s *supervisor) serveHold(w http.ResponseWriter, r *http.Request) {
	if !s.hold() {
		http.Error(w, "the database is stopping", http.StatusConflict)
		return
	}
	defer s.release()
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	select {
	case <-r.Context().Done():
	case <-s.stop:
	}
}

func (s *supervisor) hold() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.stopping {
		return false
	}
	s.mu.holders++
	s.noLeaveLocked()
	return true
}

func (s *supervisor) release() {
	s.mu.Lock()
	s.mu.holders--
	last := s.mu.holders == 0 && s.mu.state.Transient
	s.mu.Unlock()
	if last {
		s.askStop()
	}
}

// serveKeep makes a transient database stay.
func (s *supervisor) serveKeep(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.stopping {
		http.Error(w, "the database is stopping", http.StatusConflict)
		return
	}
	s.noLeaveLocked()
	s.mu.state.Transient = false
	s.note(s.paths.writeState(s.mu.state))
	w.WriteHeader(http.StatusNoContent)
}

func (s *supervisor) noLeave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noLeaveLocked()
}

func (s *supervisor) noLeaveLocked() {
	if s.mu.leave != nil {
		s.mu.leave.Stop()
	}
}

// ErrStopping is returned where a database is about to end.
var ErrStopping = errors.New("it is stopping")

// Hold keeps a transient database running until release is called or this program ends. For one that nself
// start started it changes nothing. If the database is stopping already the error is ErrStopping.
func Hold(ctx context.Context, s State) (release func(), err error) {
	resp, err := ask(ctx, s, "/hold")
	if err != nil {
		return nil, err
	}
	return func() { resp.Body.Close() }, nil
}

// Keep makes a transient database stay until Stop.
func Keep(ctx context.Context, s State) error {
	resp, err := ask(ctx, s, "/keep")
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func ask(ctx context.Context, s State, path string) (*http.Response, error) {
	resp, err := request(ctx, s, http.MethodPost, path)
	if err != nil {
		return nil, &fault.Error{Op: "ask the background process at", Path: s.Control, Err: err, Hint: "see nself status"}
	}
	if resp.StatusCode == http.StatusConflict {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return nil, ErrStopping
	}
	return resp, nil
}
