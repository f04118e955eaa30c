package isolation

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/vfs"
	"nself.org/embeddedpg/internal/vfs/vfstest"
	"nself.org/embeddedpg/tests/crash/node"
	"nself.org/embeddedpg/tests/history"
)

// A server is one that things happen to, and that is started again where they end it.
type server struct {
	dir   string
	rng   *rand.Rand
	node  atomic.Pointer[node.Node] // nil: it is in a process of its own
	quota *vfstest.Quota
	cmd   *exec.Cmd
}

func (s *server) connect(ctx context.Context) (*pgx.Conn, error) {
	if n := s.node.Load(); n != nil {
		return n.Connect(ctx, "postgres")
	}
	return pgx.Connect(ctx, fmt.Sprintf("host=%s port=5432 user=postgres password=%s dbname=postgres sslmode=disable", filepath.Join(s.dir, "s"), password))
}

// startNode starts it in this process.
func (s *server) startNode() error {
	n, err := node.Start(filepath.Join(s.dir, "pgdata"), settings(), func(fs vfs.FS) vfs.FS {
		s.quota = vfstest.NewQuota(fs, 1<<40)
		return s.quota
	})
	if err == nil {
		s.node.Store(n)
	}
	return err
}

const (
	serverEnv = "EMBEDDEDPG_ISOLATION_SERVER" // the directory: this program is then the server
	password  = "isolation-test-only"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(serverEnv); dir != "" {
		flag.Parse()
		s, err := embeddedpg.Start(context.Background(), embeddedpg.Config{
			DataDir: filepath.Join(dir, "pgdata"), SocketDir: filepath.Join(dir, "s"), Port: 5432, Password: password, Settings: settings(),
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		s.Wait()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// startProcess starts it in a process of its own; connect succeeds once it is ready.
func (s *server) startProcess() error {
	s.cmd = exec.Command(os.Args[0], fmt.Sprintf("-clients=%d", *clients))
	s.cmd.Env = append(os.Environ(), serverEnv+"="+s.dir)
	s.cmd.Stderr = os.Stderr
	return s.cmd.Start()
}

// stop ends it.
func (s *server) stop() {
	if n := s.node.Load(); n != nil {
		n.Crash()
	}
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// A fault happens to a server, which goes on afterwards.
type fault struct {
	name    string
	process bool // needs a server in a process of its own
	happen  func(context.Context, *server) error
}

var faultList = []fault{
	{"session ended", false, func(ctx context.Context, s *server) error {
		return s.admin(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 3")
	}},
	{"backend killed", false, killBackend},
	{"crash", false, func(_ context.Context, s *server) error {
		s.node.Load().Crash()
		return s.startNode()
	}},
	{"disk full", false, diskFull},
	{"server killed", true, func(_ context.Context, s *server) error {
		err := s.cmd.Process.Kill()
		_ = s.cmd.Wait() // that it was killed
		return errors.Join(err, s.startProcess())
	}},
	{"server stopped", true, func(_ context.Context, s *server) error {
		err := s.cmd.Process.Signal(syscall.SIGSTOP)
		time.Sleep(300 * time.Millisecond)
		return errors.Join(err, s.cmd.Process.Signal(syscall.SIGCONT))
	}},
}

// admin runs a statement in a session of its own.
func (s *server) admin(ctx context.Context, sql string) error {
	conn, err := retry(ctx, s.connect)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func killBackend(ctx context.Context, s *server) error {
	conn, err := retry(ctx, s.connect)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var pid int
	if err := conn.QueryRow(ctx, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1").Scan(&pid); err != nil {
		return err
	}
	s.node.Load().KillBackend(pid)
	return nil
}

// diskFull lets the disk run full, which ends the server when the log cannot grow, and gives it room again.
func diskFull(ctx context.Context, s *server) error {
	n := s.node.Load()
	s.quota.Set(int64(s.rng.IntN(1 << 20)))
	for range 5 { // new segments of the log
		short, cancel := context.WithTimeout(ctx, time.Second)
		_ = s.admin(short, "SELECT pg_switch_wal()") // the server may be gone by then
		cancel()
	}
	s.quota.Lift()
	select {
	case <-n.Done():
		n.Crash()
		if err := s.startNode(); err != nil {
			return err
		}
	case <-time.After(time.Second): // it has recovered, or goes on
	}
	if n.Log.Count("No space left") == 0 {
		return errors.New("the disk was not full")
	}
	return ctx.Err()
}

// hardest is the level that allows nothing, or with -faults of more than one all levels.
func hardest() []history.Level {
	if *faults > 1 {
		return levels
	}
	return levels[len(levels)-1:]
}

// TestFaults: no fault makes a level weaker, and no commit that a client was told of is lost.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("kills servers under load: takes some seconds a fault and level")
	}
	for _, f := range faultList {
		for _, level := range hardest() {
			t.Run(f.name+", "+level.String(), func(t *testing.T) {
				s := &server{dir: node.Scratch(t), rng: rand.New(rand.NewPCG(*seed, 3))}
				start := s.startNode
				if f.process {
					start = s.startProcess
				}
				if err := start(); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(s.stop)
				f.test(t, s, newWorkload(level))
			})
		}
	}
}

func (f fault) test(t *testing.T, s *server, w *workload) {
	ctx, cancel := context.WithTimeout(context.Background(), node.Limit+time.Duration(*faults)*10*time.Second)
	defer cancel()
	conn, err := retry(ctx, s.connect)
	if err != nil {
		t.Fatal(err)
	}
	if err := prepare(ctx, conn); err != nil {
		t.Fatal(err)
	}
	conn.Close(ctx)

	load, done := context.WithCancel(ctx)
	defer done()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.load(load, s.connect)
	}()
	for k := range *faults + 1 {
		enough := make(chan struct{})
		w.until(max(*many/3, 20), func() { close(enough) })
		select {
		case <-enough:
		case <-ctx.Done():
			t.Fatalf("the load does not go on after fault %d", k)
		}
		if k == *faults {
			break
		}
		if err := f.happen(ctx, s); err != nil {
			t.Fatalf("fault %d: %v", k+1, err)
		}
	}
	done()
	<-ended

	conn, err = retry(ctx, s.connect)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	found, err := w.check(ctx, conn, w.level)
	if err != nil {
		t.Fatal(err)
	}
	w.report(t, found, 20)
}

// TestPowerCut takes the power away at moments of a recorded run: what is there after the recovery must be the end of the
// history up to that moment. With fsync off it is not, which must be noticed.
func TestPowerCut(t *testing.T) {
	if testing.Short() {
		t.Skip("records servers and recovers them: takes some seconds a level")
	}
	for _, level := range hardest() {
		t.Run(level.String(), func(t *testing.T) {
			r := record(t, level, settings())
			for range 3 * *faults {
				found, err := r.cut(t)
				if err != nil {
					t.Fatal(err)
				}
				for _, a := range found {
					t.Errorf("%s: %s", a.Kind, a.Text)
				}
			}
		})
	}
	t.Run("fsync=off", func(t *testing.T) {
		off := settings()
		off["fsync"] = "off"
		r := record(t, history.ReadCommitted, off)
		for range 20 {
			found, err := r.cut(t)
			if err != nil || len(found) > 0 {
				t.Logf("noticed, as it should be: %.300v %v", found, err)
				return
			}
		}
		t.Error("nothing noticed")
	})
}

// A recording is a history whose moments are positions in the journal of its disk.
type recording struct {
	*workload
	journal *vfstest.Journal
	begin   int // position at which the clients began
	rng     *rand.Rand
	dir     string
}

func record(t *testing.T, level history.Level, settings map[string]string) *recording {
	t.Helper()
	var rec *vfstest.Recorder
	dir := node.Scratch(t)
	n, err := node.Start(filepath.Join(dir, "pgdata"), settings, func(fs vfs.FS) vfs.FS {
		var err error
		if rec, err = vfstest.NewRecorder(fs); err != nil {
			t.Fatal(err)
		}
		return rec
	})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Crash()
	withConn(t, n, func(ctx context.Context, conn *pgx.Conn) error {
		if err := prepare(ctx, conn); err != nil {
			return err
		}
		_, err := conn.Exec(ctx, "CHECKPOINT")
		return err
	})
	r := &recording{workload: newWorkload(level), begin: rec.Position(), rng: rand.New(rand.NewPCG(*seed, 4)), dir: dir}
	r.moment = func() int64 { return int64(rec.Position()) }
	for _, a := range try(t, n, r.workload, *many, level) {
		t.Errorf("before the power goes: %s: %s", a.Kind, a.Text)
	}
	r.journal = rec.Journal()
	return r
}

// cut takes the power away at a moment, recovers, and returns the anomalies of what was known by then.
func (r *recording) cut(t *testing.T) ([]history.Anomaly, error) {
	t.Helper()
	at := r.begin + r.rng.IntN(len(r.journal.Ops)-r.begin)
	disk := vfstest.NewDisk(r.journal)
	disk.Advance(at)
	tree := filepath.Join(r.dir, fmt.Sprint("cut ", at))
	defer os.RemoveAll(tree)
	if err := disk.Cut(vfstest.RandomPolicy(r.rng), r.rng).WriteTo(tree); err != nil {
		t.Fatal(err)
	}
	n, err := node.Start(tree, settings(), nil)
	if err != nil {
		return nil, err
	}
	defer n.Crash()
	ctx, cancel := context.WithTimeout(context.Background(), node.Limit)
	defer cancel()
	conn, err := n.Connect(ctx, "postgres")
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	return r.known(int64(at)).check(ctx, conn, r.level)
}

// known is the history as it was known at a moment.
func (r *recording) known(at int64) *workload {
	w := &workload{level: r.level}
	for _, txn := range r.mu.txns {
		known := *txn
		switch {
		case txn.Begin >= at:
			continue
		case txn.End > at && txn.Outcome == history.Committed:
			known.Outcome = history.Unknown
		}
		w.mu.txns = append(w.mu.txns, &known)
	}
	return w
}
