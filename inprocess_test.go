package embeddedpg_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"nself.org/embeddedpg"
)

// dialConfig is a configuration that leads to the server by Dial.
func dialConfig(t testing.TB, s *embeddedpg.Server) *pgx.ConnConfig {
	t.Helper()
	cfg, err := pgx.ParseConfig(s.ConnString(""))
	if err != nil {
		t.Fatal(err)
	}
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return s.Dial(ctx) }
	return cfg
}

// TestDialHammer has many sessions by Dial that send and receive values of a byte to megabytes, are cancelled at
// random, and are closed at random in the middle of an answer. Each answer must be what was sent.
func TestDialHammer(t *testing.T) {
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	sessions, span := 12, 4*time.Second
	if testing.Short() {
		span = 300 * time.Millisecond
	}
	cfg := dialConfig(t, s)
	end := time.Now().Add(span)
	var all sync.WaitGroup
	var mu sync.Mutex
	var answers, cancelled, closed int
	for k := range sessions {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(k), 5))
			for time.Now().Before(end) {
				a, c, err := hammerSession(cfg, r, end)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				answers, cancelled, closed = answers+a, cancelled+c, closed+1
				mu.Unlock()
			}
		})
	}
	all.Wait()
	t.Logf("%d answers, %d cancelled, %d connections", answers, cancelled, closed)
	if answers == 0 || cancelled == 0 {
		t.Error("too little happened")
	}
	// Every session that was left in the middle has ended.
	c := dial(t, s)
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		var n int
		if err := c.QueryRow(context.Background(), "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d sessions are left", n)
		}
	}
}

// hammerSession is one connection's life: some queries, and an end that may be rude.
func hammerSession(cfg *pgx.ConnConfig, r *rand.Rand, end time.Time) (answers, cancelled int, err error) {
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close(ctx)
	for range 1 + r.IntN(60) {
		if time.Now().After(end) {
			break
		}
		value := bytes.Repeat([]byte{byte(r.Uint32())}, 1+r.IntN(1<<r.IntN(22)))
		query, cancel := context.WithCancel(ctx)
		// When a query is cut off half sent, pgx keeps the connection open for 15 s: so only those that the ring holds.
		if r.IntN(8) == 0 && len(value) < 30<<10 {
			time.AfterFunc(time.Duration(r.IntN(3000))*time.Microsecond, cancel)
		}
		var got []byte
		err := conn.QueryRow(query, "SELECT $1::bytea", value).Scan(&got)
		gone := query.Err() != nil
		cancel()
		switch {
		case err == nil && !bytes.Equal(got, value):
			return answers, cancelled, errors.New("another value came back than was sent")
		case err == nil:
			answers++
		case gone: // pgx closes a connection whose query was cut off
			return answers, cancelled + 1, nil
		default:
			return answers, cancelled, err
		}
	}
	if r.IntN(3) == 0 { // leave in the middle of an answer
		raw, err := conn.PgConn().Hijack()
		if err != nil {
			return answers, cancelled, err
		}
		raw.Frontend.Send(&pgproto3.Query{String: "SELECT repeat('x', 1000) FROM generate_series(1, 10000)"})
		if err := raw.Frontend.Flush(); err != nil {
			return answers, cancelled, err
		}
		_, _ = raw.Conn.Read(make([]byte, 10))
		raw.Conn.Close()
	}
	return answers, cancelled, nil
}

// TestStarved queries in a program whose goroutines keep every processor busy. A client that waits in the poller
// gets its turn after every busy goroutine had a slice of 10 ms.
func TestStarved(t *testing.T) {
	withoutRaceDetector(t)
	if testing.Short() {
		t.Skip("-short: a starved scheduler takes every processor for 2 s")
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs the rings of Linux")
	}
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	conn := dial(t, s)
	var stop atomic.Bool
	var busy sync.WaitGroup
	for range 4 * runtime.GOMAXPROCS(0) {
		busy.Go(func() {
			for x := 1.0; !stop.Load(); x = math.Sqrt(x + 1) {
			}
		})
	}
	var times []time.Duration
	for begin := time.Now(); time.Since(begin) < 2*time.Second; {
		query := time.Now()
		exec(t, conn, "SELECT $1::int", len(times))
		times = append(times, time.Since(query))
	}
	stop.Store(true)
	busy.Wait()
	slices.Sort(times)
	t.Logf("%d queries, p50 %v, p99 %v, max %v", len(times), times[len(times)/2], times[len(times)*99/100], times[len(times)-1])
	if p50 := times[len(times)/2]; p50 > 5*time.Millisecond {
		t.Errorf("half of the queries took more than %v", p50)
	}
}

// TestDialEnds: what a client sees when its session is killed, when it may not come in, and when the server closes.
func TestDialEnds(t *testing.T) {
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	boss, victim := dial(t, s), dial(t, s)
	waiting := make(chan error)
	go func() { _, err := victim.Exec(ctx, "SELECT pg_sleep(60)"); waiting <- err }()
	time.Sleep(20 * time.Millisecond)
	exec(t, boss, "SELECT pg_terminate_backend($1)", victim.PgConn().PID())
	err := <-waiting
	var sqlError *pgconn.PgError
	if !errors.As(err, &sqlError) || sqlError.Code != "57P01" {
		t.Errorf("terminated session: %v", err)
	}
	cfg := dialConfig(t, s)
	cfg.Database = "no such database"
	if _, err := pgx.ConnectConfig(ctx, cfg); !errors.As(err, &sqlError) || sqlError.Code != "3D000" {
		t.Errorf("a database that is not there: %v", err)
	}
	sleeping := make(chan error)
	idle := dial(t, s)
	go func() { _, err := boss.Exec(ctx, "SELECT pg_sleep(60)"); sleeping <- err }()
	time.Sleep(20 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-sleeping; err == nil {
		t.Error("a query outlives its server")
	}
	if _, err := idle.Exec(ctx, "SELECT 1"); err == nil {
		t.Error("a connection outlives its server")
	}
	if _, err := s.Dial(ctx); !errors.Is(err, embeddedpg.ErrClosed) {
		t.Errorf("dial a closed server: %v", err)
	}
}
