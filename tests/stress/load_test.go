package stress

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg"
)

// A load is the clients of a server and what they were told.
type load struct {
	server  *embeddedpg.Server
	rngs    []*rand.Rand // by client
	seq     []int64      // by client: of its last transaction
	acked   atomic.Int64
	unknown atomic.Int64 // transactions whose commit was asked for and never answered
	parts   int          // of the load so far
	counts  struct {
		sync.Mutex
		of map[string]int
	}
}

func newLoad(s *embeddedpg.Server, clients int, seed uint64) *load {
	l := &load{server: s, seq: make([]int64, clients)}
	for c := range clients {
		l.rngs = append(l.rngs, rand.New(rand.NewPCG(seed, uint64(c))))
	}
	l.counts.of = map[string]int{}
	return l
}

func (l *load) count(what string) {
	l.counts.Lock()
	defer l.counts.Unlock()
	l.counts.of[what]++
}

// takeCounts says how often each thing was done since it was last asked.
func (l *load) takeCounts() string {
	l.counts.Lock()
	defer l.counts.Unlock()
	var parts []string
	for what, n := range l.counts.of {
		parts = append(parts, fmt.Sprintf("%d %s", n, what))
	}
	slices.Sort(parts)
	l.counts.of = map[string]int{}
	return strings.Join(parts, ", ")
}

// transactions returns how many were acknowledged, and of how many the end is not known.
func (l *load) transactions() (acked, unknown int64) { return l.acked.Load(), l.unknown.Load() }

// connect opens a session, over the Unix socket or within the program. A notice calls the function that its custom data
// have under the message.
func (l *load) connect(ctx context.Context, name string, inside bool) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(l.server.ConnString(""))
	if err != nil {
		return nil, err
	}
	if inside {
		cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return l.server.Dial(ctx) }
	}
	cfg.RuntimeParams["application_name"] = name
	cfg.OnNotice = func(c *pgconn.PgConn, n *pgconn.Notice) {
		if f, ok := c.CustomData()[n.Message].(func()); ok {
			f()
		}
	}
	return pgx.ConnectConfig(ctx, cfg)
}

// run loads the server for a while. When it returns, all sessions have been closed.
func (l *load) run(d time.Duration) error {
	l.parts++
	ctx, cancel := context.WithTimeout(context.Background(), limit+d)
	defer cancel()
	var stop atomic.Bool
	timer := time.AfterFunc(d, func() { stop.Store(true) })
	defer timer.Stop()
	errs := make(chan error, len(l.seq)+10)
	var wg sync.WaitGroup
	each := func(what string, f func() error) {
		wg.Go(func() {
			if err := f(); err != nil {
				stop.Store(true)
				errs <- fmt.Errorf("%s: %w", what, err)
			}
		})
	}
	for c := range l.seq {
		each(fmt.Sprintf("client %d", c), func() error { return l.client(ctx, c, &stop) })
	}
	each("trouble", func() error { return l.trouble(ctx, &stop) })
	each("archivist", func() error { return l.archivist(ctx, &stop) })
	each("listener", func() error { return l.listener(ctx, &stop) })
	wg.Wait()
	close(errs)
	return errors.Join(slices.Collect(func(yield func(error) bool) {
		for err := range errs {
			if !yield(err) {
				return
			}
		}
	})...)
}

// trouble cancels and terminates other sessions' backends.
func (l *load) trouble(ctx context.Context, stop *atomic.Bool) error {
	conn, err := l.connect(ctx, "trouble", true)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for n := 0; !stop.Load(); n++ {
		time.Sleep(50 * time.Millisecond)
		function := "pg_cancel_backend"
		if n%4 == 0 {
			function = "pg_terminate_backend"
		}
		var hit int
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM (SELECT "+function+`(pid) FROM (SELECT pid FROM pg_stat_activity
			WHERE application_name = 'client' ORDER BY random() LIMIT 1) p) h`).Scan(&hit); err != nil {
			return err
		}
		if hit > 0 {
			l.count(function)
		}
	}
	return nil
}

// archivist keeps the history short, so that the data directory does not grow by it.
func (l *load) archivist(ctx context.Context, stop *atomic.Bool) error {
	conn, err := l.connect(ctx, "archivist", false)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for !stop.Load() {
		time.Sleep(500 * time.Millisecond)
		if _, err := conn.Exec(ctx, `WITH gone AS (DELETE FROM history WHERE at < now() - interval '5 s' RETURNING delta)
			UPDATE archive SET rows = rows + (SELECT count(*) FROM gone), delta = delta + (SELECT coalesce(sum(delta), 0) FROM gone)`); err != nil {
			return err
		}
	}
	return nil
}

// listener checks that each client's notifications come in order, and that none is lost: the last of each client
// that was acknowledged must have come.
func (l *load) listener(ctx context.Context, stop *atomic.Bool) error {
	conn, err := l.connect(ctx, "listener", false)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "LISTEN news"); err != nil {
		return err
	}
	last := map[int]int64{}
	for !stop.Load() {
		wait, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		n, err := conn.WaitForNotification(wait)
		cancel()
		if err != nil {
			if wait.Err() != nil && !conn.IsClosed() {
				continue
			}
			return err
		}
		var client int
		var seq int64
		if _, err := fmt.Sscanf(n.Payload, "%d %d", &client, &seq); err != nil {
			return fmt.Errorf("notification %q: %w", n.Payload, err)
		}
		if seq <= last[client] {
			return fmt.Errorf("notification %d of client %d came after %d", seq, client, last[client])
		}
		last[client] = seq
		l.count("notifications")
	}
	return nil
}

// provoked reports whether err is what another session or the client itself asked for.
func provoked(err error) bool {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return slices.Contains(expected, e.Code)
	}
	return errors.Is(err, errCancelled)
}

var errCancelled = errors.New("the client cancelled its query")
