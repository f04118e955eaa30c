package selftest

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/testenv"
)

func TestMain(m *testing.M) {
	embeddedpg.ChildMain()
	os.Exit(testenv.Run(m.Run))
}

// TestFailures: a check that fails, one that waits too long and one that kills the server are told as such, and the next one has
// a server again.
func TestFailures(t *testing.T) {
	b, err := newBench()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
		if exists(b.temp.Path()) {
			t.Error("the temporary directory is still there")
		}
	}()
	wrong := errors.New("wrong")
	for _, c := range []struct {
		name string
		run  func(ctx context.Context, b *bench, c *pgx.Conn) (string, error)
		fail bool
	}{
		{"fails", func(context.Context, *bench, *pgx.Conn) (string, error) { return "", wrong }, true},
		{"another value", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
			return "", expect(ctx, c, 2, "SELECT 1")
		}, true},
		{"not refused", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
			return "", refused(run(ctx, c, "SELECT 1"), "57014")
		}, true},
		{"refused otherwise", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
			return "", refused(run(ctx, c, "SELECT 1/0"), "57014")
		}, true},
		{"kills the server", func(ctx context.Context, b *bench, c *pgx.Conn) (string, error) {
			pid, err := b.serverPID()
			if err != nil {
				return "", err
			}
			_ = syscall.Kill(pid, syscall.SIGKILL)
			return "", run(ctx, c, "SELECT pg_sleep(60)")
		}, true},
		{"passes after the kill", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
			return "well", expect(ctx, c, 1, "SELECT 1")
		}, false},
	} {
		r := b.try(t.Context(), check{c.name, c.run})
		if r.Check != c.name || (r.Err != nil) != c.fail || r.Elapsed == 0 {
			t.Errorf("%+v", r)
		}
		if c.name == "fails" && !errors.Is(r.Err, wrong) {
			t.Error(r.Err)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if r := b.try(canceled, check{"canceled", func(context.Context, *bench, *pgx.Conn) (string, error) { return "", nil }}); !errors.Is(r.Err, context.Canceled) {
		t.Errorf("%+v", r)
	}
}
