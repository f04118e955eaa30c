// Package isolation has many clients run transactions at each isolation level, while sessions and servers are killed, stopped and
// run out of disk, and checks from what they have seen that no anomaly has happened that the level does not allow.
package isolation

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg/tests/crash/node"
	"nself.org/embeddedpg/tests/history"
)

var (
	clients = flag.Int("clients", 16, "how many clients there are at once")
	many    = flag.Int("transactions", 300, "how many are committed at each level, and before each fault a third of them")
	faults  = flag.Int("faults", 1, "how often each fault happens; more than once: at each level, else at serializable")
	seed    = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the random choices")
)

var levels = []history.Level{history.ReadCommitted, history.RepeatableRead, history.Serializable}

// settings are those of a small server; they leave each client a session and an administrator some.
func settings() map[string]string {
	return map[string]string{
		"max_connections": fmt.Sprint(*clients + 10), "max_prepared_transactions": fmt.Sprint(*clients), "shared_buffers": "8MB",
		"checkpoint_timeout": "30s", "max_wal_size": "64MB", "autovacuum_naptime": "1s", "deadlock_timeout": "50ms",
	}
}

// newWorkload returns a workload whose clock counts.
func newWorkload(level history.Level) *workload {
	var now atomic.Int64
	return &workload{level: level, seed: *seed, name: "isolation", moment: func() int64 { return now.Add(1) }}
}

// load has all clients run until ctx ends; who loses its session connects again, and finishes what it had prepared.
func (w *workload) load(ctx context.Context, connect func(context.Context) (*pgx.Conn, error)) {
	var all sync.WaitGroup
	for id := range *clients {
		all.Go(func() {
			for ctx.Err() == nil {
				_ = w.run(ctx, id, func(ctx context.Context) (*pgx.Conn, error) {
					conn, err := retry(ctx, connect)
					if err == nil {
						err = finish(ctx, conn, fmt.Sprintf("%s %d %%", w.name, id))
					}
					return conn, err
				}) // it ends when the session is lost, which the tests see to
			}
		})
	}
	all.Wait()
}

// check reads what there is in the end, and reports the anomalies of the level.
func (w *workload) check(ctx context.Context, conn *pgx.Conn, level history.Level) ([]history.Anomaly, error) {
	lists, err := last(ctx, conn)
	if err != nil {
		return nil, err
	}
	return history.Check(w.mu.txns, lists, level), nil
}

// report logs what the clients have done and fails the test for anomalies, and where next to nothing was committed.
func (w *workload) report(t *testing.T, found []history.Anomaly, least int) {
	t.Helper()
	var count [3]int
	for _, txn := range w.mu.txns {
		count[txn.Outcome]++
	}
	t.Logf("%v, seed %d: %d transactions committed, %d refused, the end of %d unknown; %d lists of %d", w.level, w.seed, count[history.Committed],
		count[history.Aborted], count[history.Unknown], keys(int(w.values.Load()))*len(tables), w.values.Load())
	for _, a := range found {
		t.Errorf("%s: %s", a.Kind, a.Text)
	}
	if count[history.Committed] < least {
		t.Errorf("%d transactions are too few to tell anything", count[history.Committed])
	}
}

// start starts a server in this process with the tables in it.
func start(t *testing.T) *node.Node {
	t.Helper()
	n, err := node.Start(filepath.Join(node.Scratch(t), "pgdata"), settings(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Crash() })
	withConn(t, n, func(ctx context.Context, conn *pgx.Conn) error { return prepare(ctx, conn) })
	return n
}

func withConn(t *testing.T, n *node.Node, f func(context.Context, *pgx.Conn) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), node.Limit)
	defer cancel()
	conn, err := n.Connect(ctx, "postgres")
	if err == nil {
		err = f(ctx, conn)
		conn.Close(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// try runs a workload until n more transactions are committed, and returns the anomalies of a level.
func try(t *testing.T, on *node.Node, w *workload, n int, level history.Level) (found []history.Anomaly) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), node.Limit)
	defer cancel()
	w.until(n, cancel)
	w.load(ctx, func(ctx context.Context) (*pgx.Conn, error) { return on.Connect(ctx, "postgres") })
	withConn(t, on, func(ctx context.Context, conn *pgx.Conn) (err error) {
		found, err = w.check(ctx, conn, level)
		return err
	})
	return found
}

// TestLevels: at each level the anomalies that it allows happen, and no others.
func TestLevels(t *testing.T) {
	for _, level := range levels {
		t.Run(level.String(), func(t *testing.T) {
			w := newWorkload(level)
			w.report(t, try(t, start(t), w, *many, level), *many)
		})
	}
}

// TestCatches shows that anomalies are found: where a server quietly gives its clients the level below the one that they
// asked for.
func TestCatches(t *testing.T) {
	for given, asked := range map[history.Level]history.Level{
		history.ReadCommitted: history.RepeatableRead, history.RepeatableRead: history.Serializable,
	} {
		t.Run(fmt.Sprintf("%v for %v", given, asked), func(t *testing.T) {
			n := start(t)
			w := newWorkload(given)
			for range 20 {
				if found := try(t, n, w, 150, asked); len(found) > 0 {
					t.Logf("noticed, as it should be, among %d transactions: %s: %.300s", len(w.mu.txns), found[0].Kind, found[0].Text)
					return
				}
			}
			t.Errorf("nothing noticed among %d transactions", len(w.mu.txns))
		})
	}
}
