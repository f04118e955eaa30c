package selftest

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/pgxembed"
)

var endChecks = []check{
	{"shutdown", func(ctx context.Context, b *bench, _ *pgx.Conn) (string, error) {
		pid, err := b.serverPID()
		if err != nil {
			return "", err
		}
		began := time.Now()
		if err := b.stop(); err != nil {
			return "", err
		}
		took := time.Since(began).Round(time.Millisecond)
		if exists(b.path("data/postmaster.pid")) || syscall.Kill(pid, 0) == nil {
			return "", errors.New("its process or its postmaster.pid is still there")
		}
		return fmt.Sprintf("in order within %v, nothing left", took), nil
	}},
	{"in this process", checkInProcess}, // the last: a crash of the server is this program's
}

// checkInProcess runs a server beside Go's own runtime, in this process.
func checkInProcess(ctx context.Context, _ *bench, _ *pgx.Conn) (detail string, err error) {
	server, err := embeddedpg.Start(ctx, embeddedpg.Config{})
	if err != nil {
		return "", err
	}
	defer func() {
		err = errors.Join(err, server.Close())
		if err == nil && exists(server.DataDir()) {
			err = fmt.Errorf("%s is still there", server.DataDir())
		}
	}()
	c, err := pgxembed.Connect(ctx, server, "")
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	if err := expect(ctx, c, int64(500_000_500_000), "SELECT sum(n) FROM generate_series(1, 1000000) n"); err != nil {
		return "", err
	}
	timer := time.AfterFunc(300*time.Millisecond, func() { _ = c.PgConn().CancelRequest(ctx) })
	defer timer.Stop()
	if _, err := c.Exec(ctx, busy); refused(err, "57014") != nil {
		return "", refused(err, "57014")
	}
	return "a server beside Go: queries, and a cancel", nil
}
