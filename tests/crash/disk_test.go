package crash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/vfs"
	"nself.org/embeddedpg/internal/vfs/vfstest"
	"nself.org/embeddedpg/tests/crash/node"
)

var faults = flag.Int("faults", 9, "how many kinds of fault TestFailingDisk tries, the most telling first; with -short at most 3")

// A fault is what a disk does wrong: calls of one kind fail, or move fewer bytes than asked.
type fault struct {
	op    string
	errno syscall.Errno // 0: a short transfer
	calls int32         // how many in a row
	below string        // only of files whose names begin so
}

func (f fault) String() string {
	what := "short"
	if f.errno != 0 {
		what = strings.ReplaceAll(f.errno.Error(), " ", "_")
	}
	return fmt.Sprintf("%s%s,%s,%d", f.op, strings.ReplaceAll(strings.TrimSuffix(f.below, "/"), "/", ","), what, f.calls)
}

// allFaults are all of them.
func allFaults() []fault {
	list := []fault{
		{"sync", syscall.EIO, 1, "/base/"},
		{"datasync", syscall.EIO, 1, "/pg_wal/"},
		{"pwrite", syscall.ENOSPC, 5, "/pg_wal/"},
		{"pwrite", syscall.ENOSPC, 5, "/base/"},
		{"pwrite", 0, 5, ""},
		{"pread", syscall.EIO, 1, ""},
		{"pread", 0, 5, ""},
		{"pwrite", syscall.EINTR, 1, ""},
		{"open", syscall.EIO, 1, ""},
	}
	first := map[fault]bool{}
	for _, f := range list {
		first[f] = true
	}
	add := func(errno syscall.Errno, ops ...string) {
		for _, op := range ops {
			for _, calls := range []int32{1, 5} {
				if f := (fault{op, errno, calls, ""}); !first[f] {
					list = append(list, f)
				}
			}
		}
	}
	add(syscall.EIO, "sync", "datasync", "pwrite", "write", "pread", "read", "open", "stat", "unlink", "rename", "truncate", "mkdir", "rmdir",
		"readdir", "seek", "allocate", "close", "chmod")
	add(syscall.ENOSPC, "pwrite", "write", "open", "mkdir", "rename", "allocate", "sync", "datasync", "truncate")
	add(syscall.EINTR, "sync", "datasync", "pwrite", "write", "pread", "read", "open", "unlink", "rename", "truncate", "allocate", "close")
	add(0, "pwrite", "write", "pread", "read")
	return list
}

// A bad disk is good until it is armed; then it shows its fault to the next calls of that kind.
type badDisk struct {
	fault
	left  atomic.Int32 // calls that are still to fail
	fired atomic.Int32
	where atomic.Pointer[string] // the first file it befell
}

func (b *badDisk) hit(op, name string) bool {
	if op != b.op || !strings.HasPrefix(name, b.below) || b.left.Load() <= 0 || b.left.Add(-1) < 0 {
		return false
	}
	if b.fired.Add(1) == 1 {
		b.where.Store(&name)
	}
	return true
}

func (b *badDisk) wrap(fs vfs.FS) vfs.FS {
	return &vfstest.Faulty{
		FS: fs,
		Fail: func(op, name string) error {
			if b.errno != 0 && b.hit(op, name) {
				return &os.PathError{Op: op, Path: name, Err: b.errno}
			}
			return nil
		},
		Short: func(op, name string, n int) int {
			if b.errno == 0 && n > 1 && b.hit(op, name) {
				return n / 2
			}
			return n
		},
	}
}

// TestFailingDisk makes calls of the data directory fail while clients work. Statements may fail, and the server may
// end all sessions and recover, as it must if a flush fails. Then the power goes too, and what the clients were told
// must be there.
func TestFailingDisk(t *testing.T) {
	if *replay != "" {
		t.Skip("-replay")
	}
	base := newCluster(t, settings)
	list, n := allFaults(), *faults
	if testing.Short() {
		n = min(n, 1)
	}
	for i, f := range list[:min(n, len(list))] {
		t.Run(f.String(), func(t *testing.T) { failingDisk(t, base, f, *seed+uint64(i)*1000) })
	}
}

func failingDisk(t *testing.T, base string, f fault, seed uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), node.Limit)
	defer cancel()
	parent := node.Scratch(t)
	dir := filepath.Join(parent, "pgdata")
	if err := node.CopyDir(base, dir); err != nil {
		t.Fatal(err)
	}
	bad := &badDisk{fault: f}
	var rec *vfstest.Recorder
	n, err := node.Start(dir, settings, func(fs vfs.FS) vfs.FS {
		var err error
		if rec, err = vfstest.NewRecorder(bad.wrap(fs)); err != nil {
			t.Fatal(err)
		}
		return rec
	})
	if err != nil {
		t.Fatal(err)
	}
	load := startLoad(ctx, n, rec.Position, seed)
	// The fault comes somewhen in the first transactions; after it there are some more.
	load.reach(10+int64(seed%40), 10*time.Second)
	bad.left.Store(f.calls)
	for end := time.Now().Add(3 * time.Second); bad.fired.Load() == 0 && time.Now().Before(end) && !load.ended(); {
		time.Sleep(time.Millisecond)
	}
	load.reach(load.steps.Load()+40, 5*time.Second)
	load.end()
	serverEnded := load.ended()
	n.Crash()
	if bad.fired.Load() == 0 {
		t.Skipf("the server made no such call in %d transactions", load.steps.Load())
	}
	panics := n.Log.Count("PANIC") + n.Log.Count("terminated by signal")
	t.Logf("%s: %d calls failed; %d transactions, %d errors at clients, server restarted its processes: %t, ended: %t", *bad.where.Load(),
		bad.fired.Load(), load.steps.Load(), load.errs.Load(), panics > 0, serverEnded)
	if (f.op == "sync" || f.op == "datasync") && f.errno == syscall.EIO && mustPanic(*bad.where.Load()) && panics == 0 {
		t.Errorf("the flush of %s failed and the server went on:\n%s", *bad.where.Load(), n.Log.Tail(20))
	}
	if err := n.Log.Damaged(); err != nil {
		t.Error(err)
	}
	// PostgreSQL 18 goes on after a short write, but not where it makes a file longer: there it takes one for a full disk
	// (mdextend in src/backend/storage/smgr/md.c). A page that is read in part is an error to it (md_readv_complete).
	if full := n.Log.Count("could not extend file"); f.errno == 0 && f.op == "pwrite" && load.errs.Load() > int64(full) {
		t.Errorf("a short write is not an error, and clients saw %d, where %d files could not be made longer:\n%s", load.errs.Load(), full, n.Log.Tail(20))
	}

	load.verify(t, rec, f, *bad.where.Load(), seed, filepath.Join(parent, "after"))
}

// diskLoad is clients and an administrator at work on a server whose disk fails.
type diskLoad struct {
	node    *node.Node
	workers []*worker
	admin   *administrator

	stop        atomic.Bool
	steps, errs atomic.Int64
	wg          sync.WaitGroup
	ctx         context.Context
}

func startLoad(ctx context.Context, n *node.Node, position func() int, seed uint64) *diskLoad {
	const clients = 3
	l := &diskLoad{node: n, ctx: ctx, admin: &administrator{rng: rand.New(rand.NewPCG(seed, 77)), position: position}}
	for c := range clients {
		w := newWorker(c, seed, position)
		l.workers = append(l.workers, w)
		l.wg.Go(func() {
			for !l.stop.Load() && !l.ended() {
				if err := w.work(ctx, n, &l.stop, &l.steps); err != nil {
					l.errs.Add(1)
					time.Sleep(time.Millisecond) // the server may be recovering
				}
			}
		})
	}
	l.wg.Go(l.administer)
	return l
}

func (l *diskLoad) administer() {
	a := l.admin
	for !l.stop.Load() && !l.ended() {
		if a.conn == nil || a.conn.IsClosed() {
			var err error
			if a.conn, err = l.node.Connect(l.ctx, "postgres"); err != nil {
				a.conn = nil
				time.Sleep(time.Millisecond)
				continue
			}
		}
		a.act(l.ctx) // it may fail
		time.Sleep(time.Millisecond)
	}
	if a.conn != nil {
		a.conn.Close(l.ctx)
	}
}

// ended reports whether the server has, or the time for the test.
func (l *diskLoad) ended() bool {
	select {
	case <-l.node.Done():
		return true
	default:
		return l.ctx.Err() != nil
	}
}

// reach waits for at most d until the workers have made n steps.
func (l *diskLoad) reach(n int64, d time.Duration) {
	for end := time.Now().Add(d); l.steps.Load() < n && time.Now().Before(end) && !l.ended(); {
		time.Sleep(time.Millisecond)
	}
}

// end lets the workers come to their end.
func (l *diskLoad) end() {
	l.stop.Store(true)
	l.wg.Wait()
}

// verify cuts the power, and compares what recovery finds with what the clients were told.
func (l *diskLoad) verify(t *testing.T, rec *vfstest.Recorder, f fault, where string, seed uint64, tree string) {
	c := &Case{Journal: rec.Journal(), Position: rec.Position(), Seed: seed, Model: &Model{}, Told: rec.Position(), Thorough: true}
	// After a failed flush of the log, recovery replays what it reads, and that need not be on the disk any more: if the
	// power goes before recovery's checkpoint, pages may be newer than the log. PostgreSQL has no answer to that.
	c.Patient = strings.HasPrefix(where, "/pg_wal/")
	for _, w := range l.workers {
		c.Model.Clients = append(c.Model.Clients, w.steps)
	}
	// An administrator's failed command may have left a database or not.
	for _, d := range l.admin.databases {
		if d.Created > 0 && d.DropBegun == 0 {
			c.Model.Databases = append(c.Model.Databases, d)
		}
	}
	if err := c.write(tree); err != nil {
		t.Fatal(err)
	}
	if err := c.verify(tree); err != nil {
		t.Errorf("seed %d: after %s of %s and a power failure: %v", seed, f, where, c.keep(err))
	}
}

// mustPanic reports whether PostgreSQL must not go on after a failed flush of the file: data and log, but not what
// can be made again.
func mustPanic(name string) bool {
	for _, dir := range []string{"/base/", "/global/", "/pg_wal/", "/pg_xact/", "/pg_multixact/"} {
		if strings.HasPrefix(name, dir) && !strings.Contains(name, "pg_internal.init") && !strings.HasSuffix(name, ".tmp") {
			return !strings.Contains(filepath.Base(name), "PG_VERSION")
		}
	}
	return false
}

// work makes transactions until one fails, on a connection of its own.
func (w *worker) work(ctx context.Context, n *node.Node, stop *atomic.Bool, steps *atomic.Int64) (err error) {
	short, cancel := context.WithTimeout(ctx, 10*time.Second) // of a server that recovers
	defer cancel()
	if w.conn, err = n.Connect(short, "postgres"); err != nil {
		return err
	}
	defer func() { w.conn.Close(ctx) }()
	if err := w.settle(ctx); err != nil {
		return err
	}
	for !stop.Load() {
		if err := w.step(ctx); err != nil {
			if w.conn.IsClosed() {
				return err
			}
			_, rollback := w.conn.Exec(ctx, "ROLLBACK")
			return errors.Join(err, rollback)
		}
		steps.Add(1)
	}
	return nil
}
