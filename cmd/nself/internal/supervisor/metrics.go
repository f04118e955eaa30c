package supervisor

import (
	"context"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/promembed"
)

// MetricsPath is where Prometheus finds the metrics.
const MetricsPath = "/metrics"

// serveMetrics lets Prometheus scrape Options.Metrics, until the function that it returns is called.
func (s *supervisor) serveMetrics(o Options) (stop func(), err error) {
	if o.Metrics == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", o.Metrics)
	if err != nil {
		return nil, &fault.Error{Op: "serve metrics on", Path: o.Metrics, Err: err, Hint: "use another port, or nself start --metrics none"}
	}
	s.mu.Lock()
	s.mu.state.Metrics = l.Addr().String()
	s.mu.Unlock()
	registry := prometheus.NewRegistry()
	registry.MustRegister(promembed.NewCollector(s), prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "nself_restarts_total", Help: "Times that the server has ended by itself and was started again, since nself start.",
	}, func() float64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return float64(s.mu.restarts)
	}))
	mux := http.NewServeMux()
	mux.Handle("GET "+MetricsPath, mayScrape(o.MetricsToken, promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) }) // returns when it is closed
	return func() { server.Close(); serving.Wait() }, nil
}

// Stats implements promembed.Source: those of the present server.
func (s *supervisor) Stats(ctx context.Context) (embeddedpg.Stats, error) {
	s.mu.Lock()
	db, phase := s.mu.db, s.mu.state.Phase
	s.mu.Unlock()
	if phase != Ready {
		return embeddedpg.Stats{}, errors.New("the server is " + string(phase))
	}
	return db.Stats(ctx)
}

// mayScrape lets requests through that have the token. Where there is none, the address is one that only this machine reaches, and
// the request must be for it: a page of another site, whose name was made to mean this machine (DNS rebinding), comes with
// that site's name.
func mayScrape(token string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case token == "" && !plainHost(r.Host):
			http.Error(w, "ask for it by address or as localhost", http.StatusForbidden)
		case token != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+token)) != 1:
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "this needs NSELF_METRICS_TOKEN of .env as a bearer token", http.StatusUnauthorized)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// plainHost reports whether a request's Host is an address, or localhost.
func plainHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost"
}
