package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// client returns an HTTP client whose every connection is to the control socket.
func client(s State) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", s.Control)
		},
	}}
}

func request(ctx context.Context, s State, method, path string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://supervisor"+path, nil)
	if err != nil {
		return nil, err
	}
	return client(s).Do(r)
}

// Find returns the state of the runtime directory's supervisor: its own word if it lives, else Stopped,
// or Crashed with what it last wrote.
func Find(ctx context.Context, p Paths) (State, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for {
		s, answered, err := find(ctx, p)
		if answered || err != nil {
			return s, err
		}
		// It lives and does not answer: it has just begun, or is just ending.
		select {
		case <-ctx.Done():
			return s, nil
		case <-time.After(poll):
		}
	}
}

// find looks once. answered is false if there is more to learn.
func find(ctx context.Context, p Paths) (s State, answered bool, err error) {
	alive, err := p.locked()
	if err != nil {
		return s, false, fmt.Errorf("look for the supervisor of %s: %w", p.Runtime, err)
	}
	s, known := p.readState()
	if !alive {
		if orphan, ok := p.orphan(ctx); ok {
			orphan.Phase, orphan.Failure = Stopping, "its directory was moved or removed"
			return orphan, true, nil
		}
	}
	switch {
	case !alive && !known:
		return State{Phase: Stopped, LastCrash: p.LastCrash()}, true, nil
	case !alive && s.Phase != Crashed: // else it has written down why it gave up
		c := lostSupervisor(s)
		s.Phase, s.Failure, s.LastCrash = Crashed, c.Reason, &c
		return s, true, nil
	case !alive:
		return s, true, nil
	case !known:
		return State{Phase: Starting}, false, nil
	}
	resp, err := request(ctx, s, http.MethodGet, "/status")
	if err != nil {
		return s, false, nil
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		return s, false, fmt.Errorf("ask the supervisor: %w", err)
	}
	return s, true, nil
}

// WaitReady waits for a supervisor that someone else is starting. It returns false if that failed.
func WaitReady(ctx context.Context, p Paths) (State, bool, error) {
	for {
		s, err := Find(ctx, p)
		if err != nil || s.Phase == Ready {
			return s, err == nil, err
		}
		if s.Phase == Stopped || s.Phase == Crashed {
			return s, false, nil
		}
		select {
		case <-ctx.Done():
			return s, false, ctx.Err()
		case <-time.After(poll):
		}
	}
}

// poll is how often a process is looked at that is starting or ending.
const poll = 10 * time.Millisecond

// UncleanError is the error of a database that has ended, and not in order: the next start recovers it.
type UncleanError struct{ Err error }

func (e *UncleanError) Error() string { return "it did not end in order: " + e.Err.Error() }
func (e *UncleanError) Unwrap() error { return e.Err }

// Stop asks the supervisor to stop the database, and returns when both have ended. It reports false if
// there was none. A server that has not shut down in order within that time (at most StopTime) is killed: that is an
// UncleanError, and the next start recovers it.
func Stop(ctx context.Context, p Paths, within time.Duration) (bool, error) {
	asked := false
	var answer error
	for {
		alive, err := p.locked()
		if err != nil {
			return asked, err
		}
		s, known := p.readState()
		if !alive {
			if s, known = p.orphan(ctx); !known {
				if answer != nil {
					answer = &UncleanError{answer}
				}
				return asked, answer
			}
		}
		if known && !asked {
			resp, err := request(ctx, s, http.MethodPost, "/stop?within="+within.String())
			if err == nil {
				asked = true
				answer = stopAnswer(resp)
			}
		}
		select {
		case <-ctx.Done():
			return asked, ctx.Err()
		case <-time.After(poll):
		}
	}
}

func stopAnswer(resp *http.Response) error {
	defer resp.Body.Close()
	if resp.StatusCode < 300 {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return errors.Join(errors.New(strings.TrimSpace(string(b))), err)
}

// WaitEnd waits until no supervisor has the runtime directory, or had it before it vanished.
func WaitEnd(ctx context.Context, p Paths) error {
	for {
		alive, err := p.locked()
		if err != nil {
			return err
		}
		if !alive {
			if _, alive = p.orphan(ctx); !alive {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(poll):
		}
	}
}
