package crash

import (
	"compress/flate"
	"context"
	"encoding/gob"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg/internal/vfs"
	"nself.org/embeddedpg/internal/vfs/vfstest"
	"nself.org/embeddedpg/tests/crash/node"
)

var (
	cuts   = flag.Int("cuts", 20, "at how many moments TestPowerCut cuts the power; with -short at most 8")
	replay = flag.String("replay", "", "a case that TestPowerCut kept: make only this one, and keep its tree")
)

// settings make a small server busy with its files: pages are evicted all the time, and checkpoints and recycling
// of the log come often.
var settings = map[string]string{
	"shared_buffers": "1MB", "checkpoint_timeout": "30s", "autovacuum_naptime": "1s", "max_wal_size": "32MB", "min_wal_size": "32MB",
	"max_prepared_transactions": "20", "bgwriter_delay": "10ms", "max_connections": "20", "work_mem": "64kB",
}

// with returns settings with one more.
func with(name, value string) map[string]string {
	s := map[string]string{name: value}
	for k, v := range settings {
		s[k] = v
	}
	return s
}

// A Case is one power failure, complete: it can be made again from this alone.
type Case struct {
	Journal  *vfstest.Journal
	Position int // of the journal, at which the power goes
	Seed     uint64
	Model    *Model
	Told     int  // position in the journal that the model's positions mean: Position, unless the power went during a recovery
	Thorough bool // look at every page and index too
	Patient  bool // of the disk: a failed flush loses nothing

	expected bool // a failure is what the test wants, and not worth keeping

	found []int // by client, how many transactions the first look found
}

// rng is the source of a case's random choices.
func (c *Case) rng() *rand.Rand { return rand.New(rand.NewPCG(c.Seed, uint64(c.Position))) }

// image makes the tree that the power failure leaves.
func (c *Case) image(d *vfstest.Disk) (*vfstest.Image, vfstest.Policy) {
	rng := c.rng()
	p := vfstest.RandomPolicy(rng)
	return d.Cut(p, rng), p
}

// record runs the workload until the disk has been flushed so many times, and shuts the server down.
func record(t testing.TB, base string, settings map[string]string, seed uint64, flushes int) (*vfstest.Journal, *Model) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	dir := filepath.Join(node.Scratch(t), "pgdata")
	if err := node.CopyDir(base, dir); err != nil {
		t.Fatal(err)
	}
	var rec *vfstest.Recorder
	var flushed atomic.Int64
	n, err := node.Start(dir, settings, func(fs vfs.FS) vfs.FS {
		var err error
		if rec, err = vfstest.NewRecorder(fs); err != nil {
			t.Fatal(err)
		}
		// Where nothing is flushed, changes count instead.
		return &vfstest.Faulty{FS: rec, Fail: func(op, _ string) error {
			if op == "sync" || op == "datasync" || settings["fsync"] == "off" && op == "pwrite" {
				flushed.Add(1)
			}
			return nil
		}}
	})
	if err != nil {
		t.Fatal(err)
	}
	const clients = 4
	model := &Model{Clients: make([][]*Step, clients)}
	done := func() bool { return flushed.Load() >= int64(flushes) || ctx.Err() != nil }
	errs := make(chan error, clients+1)
	fail := func(err error) {
		errs <- err
		cancel()
	}
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			w := newWorker(c, seed, rec.Position)
			if err := w.run(ctx, n, done); err != nil {
				fail(fmt.Errorf("client %d: %w", c, err))
				return
			}
			model.Clients[c] = w.steps
		})
	}
	wg.Go(func() {
		a := &administrator{rng: rand.New(rand.NewPCG(seed, 0)), position: rec.Position}
		var err error
		if a.conn, err = n.Connect(ctx, "postgres"); err != nil {
			fail(err)
			return
		}
		defer a.conn.Close(ctx)
		for !done() {
			for next := flushed.Load() + int64(a.rng.IntN(150)); flushed.Load() < next && !done(); {
				time.Sleep(time.Millisecond)
			}
			if err := a.act(ctx); err != nil && !deadlock(err) {
				fail(err)
				return
			}
		}
		model.Databases = a.databases
	})
	wg.Wait()
	if err := n.Stop(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-errs:
		t.Fatalf("%v\n%s", err, n.Log.Tail(20))
	default:
	}
	return rec.Journal(), model
}

// run takes steps until done.
func (w *worker) run(ctx context.Context, n *node.Node, done func() bool) error {
	var err error
	if w.conn, err = n.Connect(ctx, "postgres"); err != nil {
		return err
	}
	defer w.conn.Close(ctx)
	for !done() {
		if err := w.step(ctx); deadlock(err) {
			w.conn.Exec(ctx, "ROLLBACK")
		} else if err != nil {
			return err
		}
	}
	return nil
}

// deadlock reports whether the server ended a transaction because of one, which is its right.
func deadlock(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "40P01"
}

// positions chooses the moments of n cuts: after as many flushes as possible, up to three quarters, and else
// anywhere, which is mostly amid writes.
func positions(j *vfstest.Journal, n int, rng *rand.Rand) []int {
	at := j.SyncPoints()
	rng.Shuffle(len(at), func(i, k int) { at[i], at[k] = at[k], at[i] })
	at = at[:min(len(at), n*3/4)]
	for len(at) < n {
		at = append(at, 1+rng.IntN(len(j.Ops)))
	}
	slices.Sort(at)
	return at
}

// A tally counts what was tried.
type tally struct {
	cuts, inRecovery, thorough, failed atomic.Int64
	mu                                 struct {
		sync.Mutex
		policies map[string]int
	}
}

// harness cuts the power at n moments of one recorded run and checks each. It returns the failures, of which it
// stops at the fifth; expected ones are not kept.
func harness(t testing.TB, base string, settings map[string]string, seed uint64, n int, expected bool) (*tally, []error) {
	t.Helper()
	begin := time.Now()
	journal, model := record(t, base, settings, seed, max(n*3/4, 600))
	steps := 0
	for _, c := range model.Clients {
		steps += len(c)
	}
	t.Logf("recorded in %v: %d transactions, %d databases, %d operations, %d flushes", time.Since(begin).Round(time.Millisecond),
		steps, len(model.Databases), len(journal.Ops), len(journal.SyncPoints()))

	var count tally
	count.mu.policies = map[string]int{}
	var failures struct {
		sync.Mutex
		list []error
	}
	type job struct {
		Case
		dir    string
		policy vfstest.Policy
	}
	jobs := make(chan job)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for j := range jobs {
				if err := j.try(j.dir, &count); err != nil {
					failures.Lock()
					failures.list = append(failures.list, fmt.Errorf("power cut at %d of %d (%s): %w", j.Position, len(journal.Ops), j.policy, err))
					failures.Unlock()
					count.failed.Add(1)
				}
				os.RemoveAll(j.dir)
			}
		})
	}
	dir := node.Scratch(t)
	disk := vfstest.NewDisk(journal)
	for i, at := range positions(journal, n, rand.New(rand.NewPCG(seed, 99))) {
		if count.failed.Load() >= 5 {
			break
		}
		j := job{Case: Case{Journal: journal, Position: at, Seed: seed + uint64(i), Model: model, Told: at, Thorough: i%8 == 0, expected: expected}, dir: filepath.Join(dir, fmt.Sprint(i))}
		disk.Advance(at)
		img, policy := j.image(disk)
		if err := img.WriteTo(j.dir); err != nil {
			t.Fatal(err)
		}
		j.policy = policy
		count.mu.Lock()
		count.mu.policies[policy.String()]++
		count.mu.Unlock()
		jobs <- j
	}
	close(jobs)
	wg.Wait()
	return &count, failures.list
}

// try recovers on the tree in dir and compares it with the model. At one in ten the power goes again during the
// recovery.
func (c *Case) try(dir string, count *tally) error {
	count.cuts.Add(1)
	rng := rand.New(rand.NewPCG(c.Seed, uint64(c.Position)+1<<32))
	if rng.IntN(10) == 0 {
		count.inRecovery.Add(1)
		second, err := c.again(dir, rng)
		if err != nil {
			return c.keep(err)
		}
		dir2 := dir + "-2"
		defer os.RemoveAll(dir2)
		if err := second.write(dir2); err != nil {
			return err
		}
		if err := second.verify(dir2); err != nil {
			return second.keep(fmt.Errorf("and again at %d of the %d operations of the recovery: %w", second.Position, len(second.Journal.Ops), err))
		}
		return nil
	}
	if c.Thorough {
		count.thorough.Add(1)
	}
	if err := c.verify(dir); err != nil {
		return c.keep(err)
	}
	return nil
}

// again recovers on dir, and returns the case of the power going somewhere in that.
func (c *Case) again(dir string, rng *rand.Rand) (*Case, error) {
	var rec *vfstest.Recorder
	n, err := node.Start(dir, settings, func(fs vfs.FS) vfs.FS {
		var err error
		if rec, err = vfstest.NewRecorder(fs); err != nil {
			panic(err)
		}
		return rec
	})
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	n.Crash()
	second := &Case{Journal: rec.Journal(), Seed: rng.Uint64(), Model: c.Model, Told: c.Told, Thorough: c.Thorough, expected: c.expected}
	second.Position = rng.IntN(len(second.Journal.Ops) + 1)
	return second, nil
}

// write makes the case's tree.
func (c *Case) write(dir string) error {
	d := vfstest.NewDisk(c.Journal)
	d.Patient = c.Patient
	d.Advance(c.Position)
	img, _ := c.image(d)
	return img.WriteTo(dir)
}

// keep writes the case of a failure to a file, from which it can be made again.
func (c *Case) keep(failure error) error {
	if c.expected {
		return failure
	}
	name := filepath.Join("..", "out", fmt.Sprintf("powercut-%d-%d.case", c.Seed, c.Position))
	short := *c
	short.Journal = &vfstest.Journal{Base: c.Journal.Base, Ops: c.Journal.Ops[:c.Position]}
	err := func() error {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		z, err := flate.NewWriter(f, flate.BestSpeed)
		return errors.Join(err, gob.NewEncoder(z).Encode(&short), z.Close(), f.Close())
	}()
	if err != nil {
		return fmt.Errorf("%w (and it could not be kept: %w)", failure, err)
	}
	abs, _ := filepath.Abs(name)
	return fmt.Errorf("%w\nagain: go test ./tests/crash -run TestPowerCut -v -replay %s", failure, abs)
}

func loadCase(t testing.TB, name string) *Case {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := new(Case)
	if err := gob.NewDecoder(flate.NewReader(f)).Decode(c); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestPowerCut records a run of a workload on a disk that keeps a journal, then takes the power away at many
// moments of it, each time with a part of what was not flushed lost or torn, recovers, and compares with what the
// clients had been told by that moment.
func TestPowerCut(t *testing.T) {
	if *replay != "" {
		c := loadCase(t, *replay)
		dir := strings.TrimSuffix(*replay, ".case") + ".tree"
		if err := c.write(dir); err != nil {
			t.Fatal(err)
		}
		work := filepath.Join(node.Scratch(t), "pgdata")
		if err := node.CopyDir(dir, work); err != nil {
			t.Fatal(err)
		}
		t.Logf("the tree after the power failure is in %s", dir)
		if err := c.verify(work); err != nil {
			t.Error(err)
		}
		return
	}
	begin := time.Now()
	n := *cuts
	if testing.Short() {
		n = min(n, 4)
	}
	count, failures := harness(t, newCluster(t, settings), settings, *seed, n, false)
	for _, err := range failures {
		t.Error(err)
	}
	var policies []string
	for p, n := range count.mu.policies {
		policies = append(policies, fmt.Sprintf("%4d %s", n, p))
	}
	slices.Sort(policies)
	t.Logf("seed %d: %d power cuts, %d of them again during recovery, %d with every page looked at, %d failed, %v\n%s", *seed,
		count.cuts.Load(), count.inRecovery.Load(), count.thorough.Load(), len(failures), time.Since(begin).Round(time.Millisecond), strings.Join(policies, "\n"))
}

// TestPowerCutCatches shows that the harness finds what it is for: with fsync off acknowledged commits are lost,
// with full_page_writes off pages are damaged.
func TestPowerCutCatches(t *testing.T) {
	if *replay != "" {
		t.Skip("-replay")
	}
	if testing.Short() {
		t.Skip("tests the harness, for some seconds")
	}
	base := newCluster(t, settings)
	for _, broken := range []struct {
		setting string
		cuts    int
	}{{"fsync", 10}, {"full_page_writes", 150}} {
		t.Run(broken.setting+"=off", func(t *testing.T) {
			if broken.cuts > 10 && *cuts < 1000 {
				t.Skip("takes some hundred cuts: with -cuts 1000 and more")
			}
			_, failures := harness(t, base, with(broken.setting, "off"), 1, broken.cuts, true)
			if len(failures) == 0 {
				t.Fatal("the harness noticed nothing")
			}
			t.Logf("noticed, as it should be: %.300v", failures[0])
		})
	}
}
