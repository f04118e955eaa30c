package supervisor

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"time"

	"nself.org/embeddedpg/internal/fault"
)

// holdWait is how long a transient database waits for its first holder, which asks right after the start.
const holdWait = 15 * time.Second

// serveHold keeps a transient database for as long as the request lasts, so that a program that is killed lets
// go too, or until serveRelease is asked with the same id.
func (s *supervisor) serveHold(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("id")
	if !s.hold(id) {
		http.Error(w, "the database is stopping", http.StatusConflict)
		return
	}
	defer s.release(id)
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush()
	select {
	case <-r.Context().Done():
	case <-s.stop:
	}
}

// serveRelease answers whether the database ends now.
func (s *supervisor) serveRelease(w http.ResponseWriter, r *http.Request) {
	s.release(r.FormValue("id"))
	select {
	case <-s.stop:
		w.WriteHeader(http.StatusAccepted)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *supervisor) hold(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.stopping {
		return false
	}
	if s.mu.holders == nil {
		s.mu.holders = map[string]bool{}
	}
	s.mu.holders[id] = true
	s.noLeaveLocked()
	return true
}

func (s *supervisor) release(id string) {
	s.mu.Lock()
	delete(s.mu.holders, id)
	last := len(s.mu.holders) == 0 && s.mu.state.Transient
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

// Hold keeps a transient database running until release is called or this program ends. release returns
// when a database that ends with it has ended. For one that nself start started Hold changes nothing. If
// the database is stopping already the error is ErrStopping.
func Hold(ctx context.Context, p Paths, s State) (release func() error, err error) {
	id := rand.Text()
	held, err := ask(ctx, s, "/hold?id="+id)
	if err != nil {
		return nil, err
	}
	return func() error {
		defer held.Body.Close()
		resp, err := request(ctx, s, http.MethodPost, "/release?id="+id)
		if err != nil { // it has gone already: stopped, or killed
			return WaitEnd(ctx, p)
		}
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusAccepted {
			return WaitEnd(ctx, p)
		}
		return nil
	}, nil
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
