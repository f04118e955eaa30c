// Package jobqueue is a queue of jobs in a table: FOR UPDATE SKIP LOCKED gives each job to one worker, LISTEN and
// NOTIFY wake the workers without polling, and a job whose worker dies comes back, since its transaction ends.
package jobqueue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Schema is what the queue needs in its database. The trigger tells the workers of new jobs when they are committed.
const Schema = `
CREATE TABLE job (
	id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	kind text NOT NULL,
	args jsonb NOT NULL DEFAULT '{}',
	run_at timestamptz NOT NULL DEFAULT now(),
	attempts int NOT NULL DEFAULT 0,
	failure text,
	done_at timestamptz
);
CREATE INDEX job_waiting ON job (run_at, id) WHERE done_at IS NULL;
CREATE FUNCTION job_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NOTIFY job;
	RETURN NULL;
END $$;
CREATE TRIGGER job_added AFTER INSERT ON job FOR EACH STATEMENT EXECUTE FUNCTION job_added();
`

// Job is one piece of work.
type Job struct {
	ID       int64
	Kind     string
	Args     map[string]any
	Attempts int // before this one
}

// Queue hands out jobs.
type Queue struct{ Pool *pgxpool.Pool }

// Tx is what Add needs of a pool, a connection or a transaction.
type Tx interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Add puts a job into the queue, within a transaction if tx is one: then the job exists if and only if the transaction's
// other changes do.
func (q Queue) Add(ctx context.Context, tx Tx, kind string, args map[string]any) (id int64, err error) {
	err = tx.QueryRow(ctx, "INSERT INTO job (kind, args) VALUES ($1, $2) RETURNING id", kind, args).Scan(&id)
	return id, err
}

// retry is how long a failed job rests for each attempt it has had.
const retry = 50 * time.Millisecond

// Work runs jobs until ctx ends. A job whose work returns an error, or panics, is tried again later. Several Work calls, in one
// or many processes, share the jobs.
func (q Queue) Work(ctx context.Context, work func(context.Context, Job) error) error {
	listener, err := q.Pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer listener.Release()
	if _, err := listener.Exec(ctx, "LISTEN job"); err != nil {
		return err
	}
	for {
		for {
			found, err := q.one(ctx, work)
			if err != nil {
				return ended(ctx, err)
			}
			if !found {
				break
			}
		}
		// Jobs that wait for their time send no notification.
		wait, cancel := context.WithTimeout(ctx, retry)
		_, err := listener.Conn().WaitForNotification(wait)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return ended(ctx, err)
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// ended makes nil of an error that the end of ctx has caused.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// one runs a job, if there is one. Its row is locked meanwhile, so nobody else gets it.
func (q Queue) one(ctx context.Context, work func(context.Context, Job) error) (found bool, err error) {
	err = pgx.BeginFunc(ctx, q.Pool, func(tx pgx.Tx) error {
		var job Job
		err := tx.QueryRow(ctx, `
			SELECT id, kind, args, attempts FROM job
			WHERE done_at IS NULL AND run_at <= now()
			ORDER BY run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED`).Scan(&job.ID, &job.Kind, &job.Args, &job.Attempts)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		if failure := attempt(ctx, work, job); failure != nil {
			_, err = tx.Exec(ctx, "UPDATE job SET attempts = attempts + 1, failure = $2, run_at = now() + $3 WHERE id = $1",
				job.ID, failure.Error(), retry*time.Duration(job.Attempts+1))
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE job SET attempts = attempts + 1, failure = NULL, done_at = now() WHERE id = $1", job.ID)
		return err
	})
	return found, err
}

func attempt(ctx context.Context, work func(context.Context, Job) error, job Job) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return work(ctx, job)
}
