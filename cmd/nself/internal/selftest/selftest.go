// Package selftest starts a temporary server and checks on it what PostgreSQL needs of a machine: sockets, signals, memory,
// durable files. It is for machines that nobody of us has, and knows nothing of projects.
package selftest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// limit is how long one check may take: it waits for what never comes, or the machine is far too slow.
const limit = 2 * time.Minute

// Result is what one check found.
type Result struct {
	Check   string
	Detail  string // what was seen
	Err     error  // nil if all is well
	Elapsed time.Duration
}

// check is one thing to look at. It gets a session of its own, and may open others. Its error says what was wrong.
type check struct {
	name string
	run  func(ctx context.Context, b *bench, c *pgx.Conn) (detail string, err error)
}

// Checks are the names of the checks, in their order.
func Checks() (names []string) {
	for _, c := range all() {
		names = append(names, c.name)
	}
	return names
}

// all lists the checks. A later one may use what an earlier one has left in the cluster only through the bench.
func all() []check {
	return slices.Concat(machineChecks, connectionChecks, queryChecks, sessionChecks, memoryChecks, durabilityChecks, backupChecks, endChecks)
}

// Run runs all checks, one after the other, and tells each result when it is there. A check that fails keeps none of the others
// from being tried: a server that has ended is started again. If ctx ends, so does Run, after the cleaning up. The
// server is a child process, so the program must have called embeddedpg.ChildMain.
func Run(ctx context.Context, tell func(Result)) error {
	b, err := newBench()
	if err != nil {
		return err
	}
	for _, one := range all() {
		if ctx.Err() != nil {
			break
		}
		tell(b.try(ctx, one))
	}
	return errors.Join(ctx.Err(), b.close())
}

// try runs one check.
func (b *bench) try(ctx context.Context, one check) Result {
	began := time.Now()
	within, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done after %v", limit))
	defer cancel()
	detail, err := b.attempt(within, one)
	if cause := context.Cause(within); err != nil && cause != nil {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return Result{Check: one.name, Detail: detail, Err: err, Elapsed: time.Since(began)}
}

func (b *bench) attempt(ctx context.Context, one check) (string, error) {
	c, err := b.connect(ctx)
	if err != nil {
		return "", err
	}
	defer c.Close(context.WithoutCancel(ctx))
	return one.run(ctx, b, c)
}
