package selftest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

var durabilityChecks = []check{
	{"commit", checkCommit},
	{"crash recovery", checkCrash},
	{"after the crash", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
		if err := run(ctx, c, "COMMIT PREPARED 'survivor'"); err != nil {
			return "", fmt.Errorf("the prepared transaction: %w", err)
		}
		if err := errors.Join(
			expect(ctx, c, 1, "SELECT count(*) FROM written WHERE n = -1"),
			expect(ctx, c, 0, "SELECT count(*) FROM unlogged"),
			expect(ctx, c, 0, "SELECT count(*) FROM verify_heapam('written')"),
			run(ctx, c, "SELECT bt_index_check('written_pkey', true)"),
		); err != nil {
			return "", err
		}
		return "a prepared transaction is there, an unlogged table empty, heap and index sound", nil
	}},
	{"checksums", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
		if err := expect(ctx, c, "on", "SHOW data_checksums"); err != nil {
			return "", err
		}
		return "on, and every page read is right", expect(ctx, c, true, "SELECT (SELECT count(*) FROM wide) = 300000 AND sum(checksum_failures) = 0 FROM pg_stat_database")
	}},
}

// checkCommit tells how long commits take: a disk that needs a few microseconds for a flush does not flush.
func checkCommit(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
	if err := errors.Join(expect(ctx, c, "on", "SHOW fsync"), run(ctx, c, "CREATE TABLE committed (n int)")); err != nil {
		return "", err
	}
	took := make([]time.Duration, 50)
	for i := range took {
		began := time.Now()
		if err := run(ctx, c, "INSERT INTO committed VALUES (1)"); err != nil {
			return "", err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	method, err := ask[string](ctx, c, "SHOW wal_sync_method")
	return fmt.Sprintf("half of them within %v (%s)", took[len(took)/2].Round(time.Microsecond), method), err
}

// checkCrash kills the server's process while four sessions write, starts it again, and looks for each row whose commit was
// acknowledged.
func checkCrash(ctx context.Context, b *bench, c *pgx.Conn) (string, error) {
	if err := run(ctx, c, "CREATE TABLE written (n int PRIMARY KEY)", "CREATE UNLOGGED TABLE unlogged AS SELECT 1 AS n",
		"BEGIN", "INSERT INTO written VALUES (-1)", "PREPARE TRANSACTION 'survivor'"); err != nil {
		return "", err
	}
	acknowledged, err := b.writeUntilKilled(ctx)
	if err != nil {
		return "", err
	}
	began := time.Now()
	again, err := b.connect(ctx)
	if err != nil {
		return "", err
	}
	defer again.Close(ctx)
	took := time.Since(began).Round(time.Millisecond)
	lost, err := ask[int](ctx, again, "SELECT count(*) FROM unnest($1::int[]) n WHERE n NOT IN (SELECT n FROM written)", acknowledged)
	if err == nil && lost > 0 {
		err = fmt.Errorf("%d of %d acknowledged commits are lost", lost, len(acknowledged))
	}
	return fmt.Sprintf("killed while writing, back after %v with all of %d acknowledged commits", took, len(acknowledged)), err
}

// writeUntilKilled returns what was acknowledged.
func (b *bench) writeUntilKilled(ctx context.Context) ([]int32, error) {
	pid, err := b.serverPID()
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var acknowledged []int32
	var writers sync.WaitGroup
	for w := range int32(4) {
		s, err := b.connect(ctx)
		if err != nil {
			return nil, err
		}
		writers.Go(func() {
			defer s.Close(ctx)
			for n := w; ; n += 4 {
				if _, err := s.Exec(ctx, "INSERT INTO written VALUES ($1)", n); err != nil {
					return // killed
				}
				mu.Lock()
				acknowledged = append(acknowledged, n)
				mu.Unlock()
			}
		})
	}
	time.Sleep(time.Second)
	err = syscall.Kill(pid, syscall.SIGKILL)
	writers.Wait()
	if err == nil && len(acknowledged) == 0 {
		err = errors.New("nothing was written before the kill")
	}
	return acknowledged, err
}

// serverPID is the server's process, by its postmaster.pid.
func (b *bench) serverPID() (int, error) {
	text, err := os.ReadFile(b.path("data/postmaster.pid"))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err == nil && pid <= 1 {
		err = fmt.Errorf("postmaster.pid names process %d", pid)
	}
	return pid, err
}
