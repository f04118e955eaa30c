package embeddedpg_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
)

// transfers are sessions that move amounts between accounts, each transaction with a row in the journal.
type transfers struct {
	acknowledged [4]atomic.Int64 // by session, how many
	wg           sync.WaitGroup
}

// start starts the sessions, which go on until ctx ends.
func (l *transfers) start(t *testing.T, ctx context.Context, s *embeddedpg.Server) {
	for w := range l.acknowledged {
		c := connect(t, s)
		l.wg.Go(func() {
			for n := int64(1); ctx.Err() == nil; n++ {
				err := pgx.BeginFunc(testContext(t), c, func(tx pgx.Tx) error {
					a, b := (w*37+int(n)*11)%2000+1, (w*101+int(n)*7)%2000+1
					for _, step := range []struct{ id, by int }{{min(a, b), 5}, {max(a, b), -5}} {
						if _, err := tx.Exec(testContext(t), "UPDATE account SET amount = amount + $1 WHERE id = $2", step.by, step.id); err != nil {
							return err
						}
					}
					_, err := tx.Exec(testContext(t), "INSERT INTO journal (worker, n) VALUES ($1, $2)", w, n)
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
				l.acknowledged[w].Store(n)
			}
		})
	}
}

// TestSnapshotUnderLoad copies a cluster while sessions move amounts between accounts: in the copy the sum is right,
// what was acknowledged before the snapshot is there, and amcheck finds nothing.
func TestSnapshotUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: snapshots under load take seconds of every processor")
	}
	t.Parallel()
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	c := connect(t, s)
	exec(t, c, "CREATE EXTENSION amcheck")
	exec(t, c, "CREATE TABLE account (id int PRIMARY KEY, amount bigint NOT NULL, pad text)")
	exec(t, c, "INSERT INTO account SELECT i, 1000, repeat('x', 500) FROM generate_series(1, 2000) i")
	exec(t, c, "CREATE TABLE journal (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, worker int, n int)")
	exec(t, c, "CREATE UNLOGGED TABLE scratch AS SELECT 1 AS a")

	var load transfers
	ctx, stop := context.WithCancel(testContext(t))
	load.start(t, ctx, s)
	defer load.wg.Wait()
	defer stop()
	parent := t.TempDir()
	for i, name := range []string{"one", "two"} {
		time.Sleep(100 * time.Millisecond)
		var before [len(load.acknowledged)]int64
		for w := range before {
			before[w] = load.acknowledged[w].Load()
		}
		dir := filepath.Join(parent, name)
		begin := time.Now()
		if err := s.Snapshot(testContext(t), dir); err != nil {
			t.Fatal(err)
		}
		t.Log("snapshot in", time.Since(begin))

		begin = time.Now()
		copied := start(t, embeddedpg.Config{CopyFrom: dir, Password: templatePassword})
		t.Log("copy started in", time.Since(begin))
		cc := connect(t, copied)
		if sum := one[int](t, cc, "SELECT sum(amount)::int FROM account"); sum != 2000*1000 {
			t.Error("sum in the copy:", sum)
		}
		for w, n := range before {
			if got := one[int64](t, cc, "SELECT count(*) FROM journal WHERE worker = $1 AND n <= $2", w, n); got != n {
				t.Errorf("worker %d: %d of %d acknowledged transactions are in the copy", w, got, n)
			}
		}
		exec(t, cc, "SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence = 'p'")
		if n := one[int](t, cc, "SELECT count(*)::int FROM scratch"); n != 0 {
			t.Error("rows in an unlogged table:", n)
		}
		exec(t, cc, "DELETE FROM journal")
		if err := copied.Close(); err != nil {
			t.Error(err)
		}
		if i == 0 {
			if _, err := os.Stat(filepath.Join(dir, "backup_label")); err != nil {
				t.Error("the snapshot changed:", err)
			}
		}
	}
	noSlots(t, c)
	entries, _ := os.ReadDir(parent)
	if len(entries) != 2 {
		t.Error("left beside the snapshots:", entries)
	}
	// The snapshot itself is a data directory.
	direct := start(t, embeddedpg.Config{DataDir: filepath.Join(parent, "two"), Password: templatePassword})
	if sum := one[int](t, connect(t, direct), "SELECT sum(amount)::int FROM account"); sum != 2000*1000 {
		t.Error("sum in the snapshot:", sum)
	}
}

// noSlots waits until there is no replication slot: the session that has one ends on its own.
func noSlots(t *testing.T, c *pgx.Conn) {
	t.Helper()
	slots := -1
	for i := 0; i < 200 && slots != 0; i++ {
		time.Sleep(time.Duration(min(i, 1)) * 50 * time.Millisecond)
		slots = one[int](t, c, "SELECT count(*)::int FROM pg_replication_slots")
	}
	if slots != 0 {
		t.Error("slots left:", slots)
	}
}

// TestSnapshotFails leaves neither the snapshot nor anything beside it.
func TestSnapshotFails(t *testing.T) {
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	parent := t.TempDir()
	ctx, cancel := context.WithCancel(testContext(t))
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		dir  string
		want string
	}{
		"cancelled":    {ctx, filepath.Join(parent, "a"), "canceled"},
		"not empty":    {testContext(t), s.DataDir(), "in use"},
		"not writable": {testContext(t), "/proc/embeddedpg/a", "no such file"},
	} {
		err := s.Snapshot(test.ctx, test.dir)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A file that nobody can copy fails it in the middle.
	if err := os.Symlink("elsewhere", filepath.Join(s.DataDir(), "base", "link")); err != nil {
		t.Fatal(err)
	}
	if err := s.Snapshot(testContext(t), filepath.Join(parent, "b")); err == nil {
		t.Error("a link was copied")
	}
	if entries, _ := os.ReadDir(parent); len(entries) > 0 {
		t.Error("left behind:", entries)
	}
	c := connect(t, s)
	noSlots(t, c)
}

// TestFromStopped starts servers on copies of a stopped cluster, which stays as it was.
func TestFromStopped(t *testing.T) {
	from := newCluster(t)
	original := start(t, embeddedpg.Config{DataDir: from, Password: templatePassword})
	exec(t, connect(t, original), "SELECT pg_create_physical_replication_slot('held', true)")
	if err := original.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s := start(t, embeddedpg.Config{CopyFrom: from, Password: templatePassword})
		exec(t, connect(t, s), "CREATE TABLE t ()")
		noSlots(t, connect(t, s))
		if _, err := embeddedpg.Start(testContext(t), embeddedpg.Config{CopyFrom: s.DataDir()}); err == nil || !strings.Contains(err.Error(), "in use") {
			t.Error("copy of a running cluster:", err)
		}
	}
	for name, dir := range map[string]string{"empty": t.TempDir(), "missing": filepath.Join(t.TempDir(), "x"), "no cluster": filepath.Dir(from)} {
		_, err := embeddedpg.Start(testContext(t), embeddedpg.Config{CopyFrom: dir})
		var told *embeddedpg.Error
		if !errors.As(err, &told) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// DataDir that has a cluster is used as it is.
	data := filepath.Join(t.TempDir(), "data")
	for i := range 2 {
		s := start(t, embeddedpg.Config{DataDir: data, CopyFrom: from, Password: templatePassword})
		if i == 0 {
			exec(t, connect(t, s), "CREATE TABLE stays ()")
		} else {
			exec(t, connect(t, s), "TABLE stays")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFileCopyClone makes a database by copy_file_range, which shares blocks where the file system can.
func TestFileCopyClone(t *testing.T) {
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	c := connect(t, s)
	exec(t, c, "SET file_copy_method = clone")
	exec(t, c, "CREATE DATABASE cloned STRATEGY FILE_COPY")
	cloned, err := pgx.Connect(testContext(t), s.ConnString("cloned"))
	if err != nil {
		t.Fatal(err)
	}
	defer cloned.Close(context.Background())
	if n := one[int](t, cloned, "SELECT count(*)::int FROM pg_class WHERE relname = 'pg_class'"); n != 1 {
		t.Error(n)
	}
}
