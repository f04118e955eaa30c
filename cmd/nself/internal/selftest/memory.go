package selftest

import (
	"context"

	"github.com/jackc/pgx/v5"
)

var memoryChecks = []check{
	{"much memory", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
		return "200 MB in one session", expect(ctx, c, 200_000_000, "SELECT length(repeat('x', 200000000))")
	}},
	{"too much memory", func(ctx context.Context, b *bench, c *pgx.Conn) (string, error) {
		other, err := b.connect(ctx)
		if err != nil {
			return "", err
		}
		defer other.Close(ctx)
		if _, err := c.Exec(ctx, "SELECT length(repeat('x', 600000000) || repeat('y', 300000000))"); err == nil || refused(err, "53200") != nil { // out_of_memory
			return "", refused(err, "53200")
		}
		if err := expect(ctx, c, 1, "SELECT 1"); err != nil {
			return "", err
		}
		return "refused; the session and the others stay", expect(ctx, other, 1, "SELECT 1")
	}},
	{"deep recursion", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
		if err := run(ctx, c, "CREATE FUNCTION deep(n int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN deep(n + 1); END'"); err != nil {
			return "", err
		}
		_, err := c.Exec(ctx, "SELECT deep(0)")
		if err := refused(err, "54001"); err != nil { // statement_too_complex
			return "", err
		}
		return "refused at the stack's end; the session stays", expect(ctx, c, 1, "SELECT 1")
	}},
	{"shared memory", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
		buffers, err := ask[string](ctx, c, "SHOW shared_buffers")
		if err != nil {
			return "", err
		}
		err = run(ctx, c, "CREATE EXTENSION pg_buffercache")
		if err == nil {
			err = expect(ctx, c, true, "SELECT count(*) > 1000 FROM pg_buffercache WHERE relfilenode IS NOT NULL")
		}
		return buffers + " of buffers, in use", err
	}},
}
