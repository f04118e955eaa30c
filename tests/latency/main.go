// Command latency measures the round trip of a prepared SELECT through pgx: to a server in this program by Dial
// and by its Unix socket, to one in a child process by Dial, and to native PostgreSQL 18 by its Unix socket, in turn.
// With -burn it does so while goroutines of this program keep the processors busy. With -gc it measures instead how
// long garbage collections stop this program while it, or a native server, is queried.
package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"net"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/tests/rivals"
)

func main() {
	embeddedpg.ChildMain()
	root := flag.String("root", "", "Debian root directory with postgresql-18; `tests/suites.sh latency` sets it")
	span := flag.Duration("time", time.Second, "duration of one turn")
	rounds := flag.Int("rounds", 5, "turns of each kind; the medians are printed")
	sql := flag.String("sql", "SELECT $1::int4", "the statement, of one int4 parameter")
	burn := flag.Int("burn", 0, "goroutines that compute for ever, beside the one that queries")
	pause := flag.Duration("pause", 0, "pause between two queries")
	gc := flag.Bool("gc", false, "measure pauses of the garbage collector")
	flag.Parse()
	if *root == "" {
		fmt.Fprintln(os.Stderr, "latency: -root is required; tests/suites.sh sets it")
		os.Exit(2)
	}
	if err := run(*root, *span, *rounds, *sql, *burn, *pause, *gc); err != nil {
		fmt.Fprintln(os.Stderr, "latency:", err)
		os.Exit(1)
	}
}

// way is one way to a server.
type way struct {
	name string
	url  string
	dial func(context.Context) (net.Conn, error) // nil: by the URL
	conn *pgx.Conn
	p    [3][]float64 // us: medians, 99th percentiles, greatest
}

func (w *way) connect(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(w.url)
	if err != nil {
		return nil, err
	}
	if w.dial != nil {
		cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return w.dial(ctx) }
	}
	return pgx.ConnectConfig(ctx, cfg)
}

func run(root string, span time.Duration, rounds int, sql string, burn int, pause time.Duration, gc bool) error {
	work, remove, err := rivals.WorkDir(root)
	if err != nil {
		return err
	}
	defer remove()
	ctx := context.Background()
	server, err := embeddedpg.Start(ctx, embeddedpg.Config{Settings: rivals.Settings})
	if err != nil {
		return err
	}
	defer server.Close()
	child, err := embeddedpg.Start(ctx, embeddedpg.Config{Settings: rivals.Settings, ChildProcess: true})
	if err != nil {
		return err
	}
	defer child.Close()
	native, err := rivals.Native(ctx, rivals.Place{Root: root, Work: work})
	if err != nil {
		return err
	}
	defer native.Stop()

	ways := []*way{
		{name: "ours, Dial", url: server.ConnString(""), dial: server.Dial},
		{name: "ours, Unix socket", url: server.ConnString("")},
		{name: "ours, child process", url: child.ConnString(""), dial: child.Dial},
		{name: "native, Unix socket", url: native.ConnString()},
	}
	for _, w := range ways {
		if w.conn, err = w.connect(ctx); err != nil {
			return err
		}
		defer w.conn.Close(ctx)
	}
	if gc {
		return pauses(ctx, ways, span, rounds)
	}
	for range burn {
		go func() {
			for x := 1.0; ; x = math.Sqrt(x + 1) { //nolint:revive // it shall burn
			}
		}()
	}
	fmt.Printf("%s, %d processors, GOMAXPROCS %d, %d busy goroutines, pause %v\n", sql, runtime.NumCPU(), runtime.GOMAXPROCS(0), burn, pause)
	for range rounds {
		for _, w := range ways {
			if err := w.turn(ctx, sql, span, pause); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	fmt.Printf("%-22s %10s %10s %10s %14s\n", "", "p50 us", "p99 us", "max us", "p50 to native")
	base := median(ways[len(ways)-1].p[0])
	for _, w := range ways {
		fmt.Printf("%-22s %10.1f %10.1f %10.1f %14.2f\n", w.name, median(w.p[0]), median(w.p[1]), median(w.p[2]), median(w.p[0])/base)
	}
	return nil
}

// turn queries for a while and notes the distribution.
func (w *way) turn(ctx context.Context, sql string, span, pause time.Duration) error {
	var times []float64
	for end := time.Now().Add(span); time.Now().Before(end); {
		var got int32
		begin := time.Now()
		if err := w.conn.QueryRow(ctx, sql, int32(42)).Scan(&got); err != nil {
			return err
		}
		times = append(times, float64(time.Since(begin).Nanoseconds())/1000)
		if pause > 0 {
			time.Sleep(pause)
		}
	}
	slices.Sort(times)
	for i, q := range []float64{0.5, 0.99, 1} {
		w.p[i] = append(w.p[i], times[min(int(q*float64(len(times))), len(times)-1)])
	}
	return nil
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}
