//go:build linux

package resources

import (
	"bytes"
	"context"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/programs"
	"nself.org/embeddedpg/internal/testenv"
	"nself.org/embeddedpg/internal/vm"
)

const gib = 1 << 30

// addresses is what a process of the server reserves, in bytes; there is a little more.
func addresses(t *testing.T) uint64 {
	t.Helper()
	engine, err := programs.DefaultRunner()
	if err != nil {
		t.Fatal(err)
	}
	if engine == string(vm.Native) {
		return 8 * gib
	}
	return 16 * gib
}

func addressesAtStart(t *testing.T) {
	testenv.Limit(t, unix.RLIMIT_AS, testenv.Status(t, "VmSize")<<10+15*addresses(t)/2) // ten are needed
	refused(t, config(t, &records{}), syscall.ENOMEM, "GiB")
}

func addressesLater(t *testing.T) {
	testenv.Limit(t, unix.RLIMIT_AS, testenv.Status(t, "VmSize")<<10+15*addresses(t))
	usedUp(t, config(t, &records{}))
}

func threadsAtStart(t *testing.T) {
	cfg := config(t, &records{})
	cfg.CacheDir = becomeOther(t, 61002)
	cfg.CopyFrom = config(t, nil).CopyFrom
	testenv.Limit(t, unix.RLIMIT_NPROC, testenv.Status(t, "Threads")+12)
	refused(t, cfg, syscall.EAGAIN, "ulimit -u")
}

func threadsLater(t *testing.T) {
	cfg := config(t, &records{})
	cfg.CacheDir = becomeOther(t, 61003)
	cfg.CopyFrom = config(t, nil).CopyFrom
	testenv.Limit(t, unix.RLIMIT_NPROC, testenv.Status(t, "Threads")+45)
	usedUp(t, cfg)
}

func descriptorsAtStart(t *testing.T) {
	testenv.Limit(t, unix.RLIMIT_NOFILE, 100)
	refused(t, config(t, &records{}), unix.EMFILE, "ulimit -n")
}

func descriptorsLater(t *testing.T) {
	testenv.Limit(t, unix.RLIMIT_NOFILE, 300)
	usedUp(t, config(t, &records{}))
}

// usedUp connects until a client is refused, which the others do not notice; when one of them leaves, another may come.
func usedUp(t *testing.T, cfg embeddedpg.Config) {
	t.Helper()
	s := start(t, cfg)
	first := mustConnect(t, s)
	begun := one[time.Time](t, first, "SELECT pg_postmaster_start_time()")
	sleeper := mustConnect(t, s)
	slept := make(chan error, 1)
	go func() {
		_, err := sleeper.Exec(context.Background(), "SELECT pg_sleep(2)")
		slept <- err
	}()
	conns := []*pgx.Conn{}
	var refusal error
	for len(conns) < 95 && refusal == nil {
		c, err := connect(t, s)
		if err == nil {
			conns = append(conns, c)
		}
		refusal = err
	}
	if refusal == nil || len(conns) == 0 {
		t.Fatalf("%d sessions, then %v", len(conns), refusal)
	}
	t.Logf("refused after %d sessions: %s", len(conns), refusedText(t, s))
	for range 20 { // nothing piles up
		if c, err := connect(t, s); err == nil {
			c.Close(context.Background())
		}
	}
	for _, c := range conns {
		exec(t, c, "CREATE TEMP TABLE x AS SELECT generate_series(1, 1000) AS i")
		if n := one[int](t, c, "SELECT count(*) FROM pg_class WHERE relkind = 'r'"); n < 20 {
			t.Error(n)
		}
	}
	if err := <-slept; err != nil {
		t.Error("a session that was at work: ", err)
	}
	for _, c := range conns[:len(conns)/2] {
		c.Close(context.Background())
	}
	eventually(t, func() bool {
		_, err := connect(t, s)
		return err == nil
	})
	if now := one[time.Time](t, first, "SELECT pg_postmaster_start_time()"); !now.Equal(begun) {
		t.Error("the server has restarted")
	}
	if n := one[int](t, first, "SELECT count(*) FROM pg_ls_dir('pgsql_tmp') AS f WHERE f LIKE '%backend_var%'"); n > 1 {
		t.Errorf("%d files of parameters are left", n)
	}
}

// refusedText connects and returns what the server says to that, which is in the form of the protocol before 3.0, as it has no
// process that could say more (report_fork_failure_to_client of postmaster.c).
func refusedText(t *testing.T, s *embeddedpg.Server) string {
	t.Helper()
	c, err := s.Dial(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	text, err := io.ReadAll(c)
	if !bytes.HasPrefix(text, []byte("Ecould not fork new process for connection: ")) {
		t.Errorf("%q, %v", text, err)
	}
	return string(text)
}

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	for end := time.Now().Add(limit / 10); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in time")
		}
	}
}
