package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// control is the HTTP server on the control socket.
type control struct {
	http    *http.Server
	path    string
	serving sync.WaitGroup
}

// listen opens the control socket. Its directory is this user's alone, and so is the socket.
func (s *supervisor) listen() (*control, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", s.serveStatus)
	mux.HandleFunc("POST /stop", s.serveStop)
	mux.HandleFunc("POST /hold", s.serveHold)
	mux.HandleFunc("POST /release", s.serveRelease)
	mux.HandleFunc("POST /keep", s.serveKeep)
	mux.HandleFunc("POST /snapshot", s.serveSnapshot)
	c := &control{http: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}}
	return c, c.open(s.current().Control)
}

// open listens on a path, also again when the socket there has vanished. The lock is held, so a socket that is there is a
// killed supervisor's.
func (c *control) open(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false) // the name may be a newer one's by then
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return err
	}
	c.path = path
	c.serving.Go(func() {
		_ = c.http.Serve(l) // returns when close is called
	})
	return nil
}

// close lets answers that are under way go out, and removes the socket.
func (c *control) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	os.Remove(c.path)
	_ = c.http.Shutdown(ctx)
	c.http.Close()
	c.serving.Wait()
}

func (s *supervisor) serveStatus(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.current())
}

// serveStop asks for the end and answers when the database has ended. The query's "within" is how long the server may take to
// shut down in order.
func (s *supervisor) serveStop(w http.ResponseWriter, r *http.Request) {
	within := StopTime
	if text := r.URL.Query().Get("within"); text != "" {
		var err error
		if within, err = time.ParseDuration(text); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	s.askStop()
	select {
	case s.hurry <- within:
	case <-s.stopped:
	case <-r.Context().Done():
		return
	}
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
