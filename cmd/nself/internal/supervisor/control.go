package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"time"
)

// control is the HTTP server on the control socket.
type control struct {
	http *http.Server
	done chan struct{}
}

// listen opens the control socket. Its directory is this user's alone, and so is the socket. The lock is
// held, so a socket that is there already is a killed supervisor's.
func (s *supervisor) listen() (*control, error) {
	path := s.current().Control
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", s.serveStatus)
	mux.HandleFunc("POST /stop", s.serveStop)
	mux.HandleFunc("POST /hold", s.serveHold)
	mux.HandleFunc("POST /release", s.serveRelease)
	mux.HandleFunc("POST /keep", s.serveKeep)
	c := &control{http: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		_ = c.http.Serve(l) // returns when close is called
	}()
	return c, nil
}

// close lets answers that are under way go out, and removes the socket.
func (c *control) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = c.http.Shutdown(ctx)
	c.http.Close()
	<-c.done
}

func (s *supervisor) serveStatus(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.current())
}

// serveStop asks for the end and answers when the database has ended.
func (s *supervisor) serveStop(w http.ResponseWriter, r *http.Request) {
	s.askStop()
	select {
	case <-s.stopped:
	case <-r.Context().Done():
		return
	}
	if s.err != nil {
		http.Error(w, s.err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
