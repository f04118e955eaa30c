package jobqueue_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"jobqueue"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

// TestEachJobOnce runs 200 jobs with 2 workers; some fail at first.
func TestEachJobOnce(t *testing.T) {
	pool := pgxtest.New(t, pgtest.SQL(jobqueue.Schema)).Pool(t)
	queue := jobqueue.Queue{Pool: pool}

	const jobs = 200
	var mu sync.Mutex
	done := map[int64]int{}
	all := make(chan struct{})
	work := func(_ context.Context, job jobqueue.Job) error {
		if job.ID%20 == 0 && job.Attempts == 0 {
			return errors.New("not yet")
		}
		if job.ID%33 == 0 && job.Attempts == 0 {
			panic("a bug")
		}
		mu.Lock()
		defer mu.Unlock()
		done[job.ID]++
		if len(done) == jobs {
			close(all)
		}
		return nil
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			if err := queue.Work(ctx, work); err != nil {
				t.Error(err)
			}
		})
	}
	for range jobs {
		if _, err := queue.Add(ctx, pool, "greet", map[string]any{"name": "Ann"}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-all:
	case <-time.After(time.Minute):
		t.Error("jobs are left")
	}
	stop()
	workers.Wait()
	mu.Lock()
	defer mu.Unlock()
	if len(done) != jobs {
		t.Error("jobs done:", len(done))
	}
	for id, n := range done {
		if n != 1 {
			t.Errorf("job %d was done %d times", id, n)
		}
	}
}

// TestWithTransaction: a job of a transaction that is rolled back never runs.
func TestWithTransaction(t *testing.T) {
	pool := pgxtest.New(t, pgtest.SQL(jobqueue.Schema)).Pool(t)
	queue := jobqueue.Queue{Pool: pool}
	changed := errors.New("changed my mind")
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		if _, err := queue.Add(t.Context(), tx, "greet", map[string]any{}); err != nil {
			return err
		}
		return changed
	})
	if !errors.Is(err, changed) {
		t.Fatal(err)
	}
	var n int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM job").Scan(&n); err != nil || n != 0 {
		t.Error(n, err)
	}
}
