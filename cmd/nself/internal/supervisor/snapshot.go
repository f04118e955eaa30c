package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"nself.org/embeddedpg/internal/fault"
)

// serveSnapshot copies the running cluster to the directory that the request names, for as long as the request lasts.
func (s *supervisor) serveSnapshot(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	db := s.mu.db
	s.mu.Unlock()
	if db == nil {
		http.Error(w, "the database does not run", http.StatusConflict)
		return
	}
	if err := db.Snapshot(r.Context(), r.FormValue("dir")); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		_ = json.NewEncoder(w).Encode(newFailure(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// Snapshot has a database that runs copy its cluster to the directory dir, as embeddedpg.Server.Snapshot does. If this program is
// killed, nothing is left of the copy.
func Snapshot(ctx context.Context, s State, dir string) error {
	resp, err := request(ctx, s, http.MethodPost, "/snapshot?dir="+url.QueryEscape(dir))
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &fault.Error{Op: "ask the background process at", Path: s.Control, Err: err, Hint: "see nself status"}
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusNoContent:
		return nil
	case http.StatusInternalServerError:
		f := &Failure{}
		if err := json.NewDecoder(resp.Body).Decode(f); err != nil {
			return fmt.Errorf("make a snapshot: %w", err)
		}
		return f.err()
	case http.StatusConflict:
		return ErrStopping
	}
	return &fault.Error{
		Op: "make a snapshot of the database of", Path: s.Runtime, Err: errors.New("the process that runs it is of an older nself"),
		Hint: "start it again: nself restart",
	}
}
