package studio

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says what the studio shows.
type Config struct {
	// Connect is how a database is reached. It is asked anew whenever a database is first used.
	Connect func(database string) (*pgxpool.Config, error)

	Database string        // the first to be shown
	Title    string        // of the page: the project's name
	ReadOnly bool          // nothing can be changed from the page
	Timeout  time.Duration // of a statement; 0: a minute
	Rows     int           // the most that a query shows; 0: 1000
	History  string        // file of the queries that were run, mode 0600; "": none is kept
	Backups  Backups       // nil: the page has none
	Entered  func()        // is called when a browser was let in; may be nil
}

// Defaults of Config.
const (
	defaultTimeout = time.Minute
	defaultRows    = 1000
)

// Studio serves the page. It is safe for concurrent use.
type Studio struct {
	config  Config
	host    string // 127.0.0.1:port, as the browser has to call it
	guard   *guard
	pools   *pools
	history *history
	ln      net.Listener
	handler http.Handler
}

// Listen opens a port of the loopback interface. Serve is to follow, or Close.
func Listen(c Config, port int) (*Studio, error) {
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return nil, err
	}
	s := newStudio(c, ln.Addr().String())
	s.ln = ln
	return s, nil
}

func newStudio(c Config, host string) *Studio {
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Rows <= 0 {
		c.Rows = defaultRows
	}
	s := &Studio{config: c, host: host, guard: newGuard(host, c.Entered), history: &history{path: c.History}}
	s.pools = newPools(s.connConfig)
	s.handler = s.guard.protect(s.routes())
	return s
}

// URL is the page's address with the token, which lets in whoever has it, once. It stands behind a #, so that no
// browser sends it to a server as part of an address.
func (s *Studio) URL() string { return "http://" + s.host + "/#token=" + s.guard.token() }

// Serve answers until ctx ends; then queries that run are canceled. What it starts has ended when it returns.
func (s *Studio) Serve(ctx context.Context) error {
	base, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		BaseContext:       func(net.Listener) context.Context { return base },
		ErrorLog:          log.New(discard{}, "", 0), // what clients do wrong is no news of ours
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(s.ln) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		end, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer stop()
		if server.Shutdown(end) != nil {
			server.Close()
		}
		err = <-done
	}
	s.pools.close()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// Close gives the port back where Serve was not called.
func (s *Studio) Close() error {
	s.pools.close()
	return s.ln.Close()
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
