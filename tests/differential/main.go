// Command differential sends the same random statements to our server and to native PostgreSQL of the same version, and compares
// rows, plans and SQLSTATEs:
//
//	tests/suites.sh differential -statements 1000000
//
// It calls every function and operator that the catalog has, and those of the extensions, with random values of their types, casts values
// between all types, and queries and changes random tables, under random settings of the planner. A difference is printed with
// the statement; what is known to differ, with the reason, is in known.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg/tests/rivals"
)

func main() {
	rivals.Serve()
	root := flag.String("root", "", "Debian root directory with postgresql-18; tests/suites.sh sets it")
	statements := flag.Int64("statements", 20000, "how many statements")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the random choices")
	workers := flag.Int("workers", 2, "pairs of sessions, each with a database of its own")
	plant := flag.String("plant", "", "`NAME=VALUE`: a setting of our server alone, to see that what it changes is found: bytea_output=escape")
	limit := flag.Int("differences", 20, "after how many differences to stop")
	flag.Parse()
	if *root == "" {
		fmt.Fprintln(os.Stderr, "differential: -root is required; tests/suites.sh sets it")
		os.Exit(2)
	}
	r := &run{seed: *seed, limit: int64(*limit)}
	r.left.Store(*statements)
	if err := r.run(context.Background(), *root, *workers, *plant); err != nil {
		fmt.Fprintln(os.Stderr, "differential:", err)
		os.Exit(1)
	}
}

// run counts what is done.
type run struct {
	seed  uint64
	limit int64
	left  atomic.Int64

	same, failed, known, slow, different atomic.Int64
	print                                sync.Mutex
}

func (r *run) run(ctx context.Context, root string, workers int, plant string) error {
	settings := map[string]string{
		"autovacuum": "off", "max_parallel_workers_per_gather": "0", "extra_float_digits": "0", "timezone": "UTC", "jit": "off",
		"statement_timeout": "5s", "log_min_messages": "fatal", "work_mem": "64MB", "fsync": "off",
	}
	var servers []*rivals.Server
	for k, start := range []func(context.Context, rivals.Place) (*rivals.Server, error){rivals.Ours, rivals.Native} {
		work, remove, err := rivals.WorkDir(root)
		if err != nil {
			return err
		}
		defer remove()
		own := maps.Clone(settings)
		if name, value, ok := strings.Cut(plant, "="); ok && k == 0 {
			own[name] = value
		}
		s, err := start(ctx, rivals.Place{Root: root, Work: work, Settings: own})
		if err != nil {
			return err
		}
		defer s.Stop()
		servers = append(servers, s)
	}
	begin := time.Now()
	errs := make([]error, workers)
	var all sync.WaitGroup
	for k := range workers {
		all.Go(func() { errs[k] = r.work(ctx, servers, k) })
	}
	all.Wait()
	fmt.Printf("seed %d: %d statements with equal rows, %d with equal errors, %d known to differ, %d too slow to tell, %d different, %v\n", r.seed,
		r.same.Load(), r.failed.Load(), r.known.Load(), r.slow.Load(), r.different.Load(), time.Since(begin).Round(time.Second))
	if r.different.Load() > 0 {
		errs = append(errs, fmt.Errorf("%d differences", r.different.Load()))
	}
	return errors.Join(errs...)
}

// pair is a session with each server.
type pair struct{ ours, native *pgconn.PgConn }

func connect(ctx context.Context, servers []*rivals.Server, database string) (p pair, err error) {
	for k, to := range []**pgconn.PgConn{&p.ours, &p.native} {
		cfg, err := pgconn.ParseConfig(servers[k].ConnString())
		if err != nil {
			return p, err
		}
		cfg.Database = database
		if *to, err = pgconn.ConnectConfig(ctx, cfg); err != nil {
			return p, fmt.Errorf("%s: %w", servers[k].Name, err)
		}
	}
	return p, nil
}

func (p pair) close(ctx context.Context) {
	p.ours.Close(ctx)
	p.native.Close(ctx)
}

// both runs a statement that must succeed.
func (p pair) both(ctx context.Context, sql string) error {
	for _, conn := range []*pgconn.PgConn{p.ours, p.native} {
		if _, err := conn.Exec(ctx, sql).ReadAll(); err != nil {
			return fmt.Errorf("%.200s: %w", sql, err)
		}
	}
	return nil
}

// work makes a database and sends statements until enough are sent.
func (r *run) work(ctx context.Context, servers []*rivals.Server, k int) error {
	first, err := connect(ctx, servers, "postgres")
	if err != nil {
		return err
	}
	database := fmt.Sprintf("differential%d", k)
	err = first.both(ctx, "CREATE DATABASE "+database+" TEMPLATE template0")
	first.close(ctx)
	if err != nil {
		return err
	}
	p, err := connect(ctx, servers, database)
	if err != nil {
		return err
	}
	defer func() { p.close(ctx) }()
	g := &generator{rng: rand.New(rand.NewPCG(r.seed, uint64(k)))}
	if err := g.prepare(ctx, p); err != nil {
		return err
	}
	for r.left.Add(-1) >= 0 && r.different.Load() < r.limit {
		for _, sql := range g.statements() {
			if err := r.compare(ctx, p, sql); err != nil {
				return err
			}
		}
		if p.ours.IsClosed() || p.native.IsClosed() {
			p.close(ctx)
			if p, err = connect(ctx, servers, database); err != nil {
				return err
			}
			g.reset()
		}
	}
	return nil
}

// compare sends a statement to both.
func (r *run) compare(ctx context.Context, p pair, sql string) error {
	native := ask(ctx, p.native, sql)
	ours := ask(ctx, p.ours, sql)
	switch {
	case ours.slow() || native.slow():
		r.slow.Add(1)
		_, err := p.ours.Exec(ctx, "ROLLBACK").ReadAll()
		_, err2 := p.native.Exec(ctx, "ROLLBACK").ReadAll()
		return errors.Join(err, err2)
	case ours.equal(native):
		if ours.state == "" {
			r.same.Add(1)
		} else {
			r.failed.Add(1)
		}
	case known(sql, ours, native) != "":
		r.known.Add(1)
	default:
		r.different.Add(1)
		r.print.Lock()
		defer r.print.Unlock()
		fmt.Printf("DIFFERENT\n%s;\n-- ours:   %s\n-- native: %s\n\n", sql, ours, native)
	}
	return nil
}
