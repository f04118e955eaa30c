package supervisor

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// controlName is the control socket's name in the short directory.
const controlName = "control.sock"

// answer is how long a supervisor that lives may take to say so.
const answer = 2 * time.Second

// askStatus asks the supervisor behind a control socket for its state.
func askStatus(ctx context.Context, socket string) (State, bool) {
	if _, err := os.Lstat(socket); err != nil {
		return State{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	s := State{Control: socket}
	resp, err := request(ctx, s, http.MethodGet, "/status")
	if err != nil {
		return State{}, false
	}
	defer resp.Body.Close()
	return s, json.NewDecoder(resp.Body).Decode(&s) == nil
}

// orphan returns the supervisor of a runtime directory that has vanished from its place, or been made again there. It ends
// by itself when it notices.
func (p Paths) orphan(ctx context.Context) (State, bool) {
	for _, dir := range p.shortDirs() {
		if s, ok := askStatus(ctx, filepath.Join(dir, controlName)); ok && s.Runtime == p.Runtime {
			return s, true
		}
	}
	return State{}, false
}

// All returns the states of this user's supervisors, sorted by their directories. They are found by their sockets, so that
// one whose directory is gone is among them.
func All(ctx context.Context) []State {
	patterns := []string{filepath.Join(sharedBase(), "*", controlName)}
	if base := loginBase(); base != "" {
		patterns = append(patterns, filepath.Join(base, "nself-*", controlName))
	}
	var all []State
	for _, pattern := range patterns {
		sockets, _ := filepath.Glob(pattern) // the pattern is right
		for _, socket := range sockets {
			if s, ok := askStatus(ctx, socket); ok {
				all = append(all, s)
			}
		}
	}
	slices.SortFunc(all, func(a, b State) int { return strings.Compare(a.Runtime, b.Runtime) })
	return all
}

// StopRunning asks a supervisor that All has found to stop its database, and returns when it has gone, whether its directory is
// there or not.
func StopRunning(ctx context.Context, s State) error {
	resp, err := request(ctx, s, http.MethodPost, "/stop")
	if err == nil {
		err = stopAnswer(resp)
	}
	for {
		if _, there := askStatus(ctx, s.Control); !there {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(poll):
		}
	}
}
