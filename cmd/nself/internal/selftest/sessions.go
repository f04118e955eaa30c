package selftest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// busy computes for minutes without a system call of its own.
const busy = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b WHERE a * b = 7"

var sessionChecks = []check{
	{"notify", func(ctx context.Context, b *bench, c *pgx.Conn) (string, error) {
		if err := run(ctx, c, "LISTEN news"); err != nil {
			return "", err
		}
		other, err := b.connect(ctx)
		if err != nil {
			return "", err
		}
		defer other.Close(ctx)
		if err := run(ctx, other, "NOTIFY news, 'hello'"); err != nil {
			return "", err
		}
		n, err := c.WaitForNotification(ctx)
		if err == nil && n.Payload != "hello" {
			err = fmt.Errorf("the notification says %q", n.Payload)
		}
		return "another session's word arrived", err
	}},
	{"cancel", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
		began := time.Now()
		timer := time.AfterFunc(300*time.Millisecond, func() { _ = c.PgConn().CancelRequest(ctx) })
		defer timer.Stop()
		_, err := c.Exec(ctx, busy)
		return fmt.Sprintf("a query that computes ended %v after it began", time.Since(began).Round(time.Millisecond)), refused(err, "57014") // query_canceled
	}},
	{"timeout", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
		if err := run(ctx, c, "SET statement_timeout = '300ms'"); err != nil {
			return "", err
		}
		_, err := c.Exec(ctx, busy)
		return "statement_timeout ended a query that computes", refused(err, "57014")
	}},
	{"terminate", checkTerminate},
	{"deadlock", checkDeadlock},
	{"many sessions", checkManySessions},
	{"decoding", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
		err := run(ctx, c, "CREATE TABLE decoded (n int)", "SELECT pg_create_logical_replication_slot('selftest', 'test_decoding')", "INSERT INTO decoded VALUES (1), (2)")
		if err == nil {
			err = expect(ctx, c, 2, "SELECT count(*) FROM pg_logical_slot_get_changes('selftest', NULL, NULL) WHERE data LIKE '%decoded%INSERT%'")
		}
		return "two rows seen in the log", errors.Join(err, run(ctx, c, "SELECT pg_drop_replication_slot('selftest')"))
	}},
}

// checkTerminate ends one session that computes and one that sleeps, by a third one.
func checkTerminate(ctx context.Context, b *bench, c *pgx.Conn) (string, error) {
	for _, sql := range []string{busy, "SELECT pg_sleep(600)"} {
		victim, err := b.connect(ctx)
		if err != nil {
			return "", err
		}
		defer victim.Close(ctx)
		ended := make(chan error, 1)
		go func() { ended <- run(ctx, victim, sql) }()
		time.Sleep(200 * time.Millisecond)
		if err := expect(ctx, c, true, "SELECT pg_terminate_backend($1, 10000)", victim.PgConn().PID()); err != nil {
			return "", err
		}
		if err := refused(<-ended, "57P01"); err != nil { // admin_shutdown
			return "", err
		}
	}
	return "a session that computes, and one that sleeps", nil
}

// checkDeadlock has two sessions wait for each other.
func checkDeadlock(ctx context.Context, b *bench, c *pgx.Conn) (string, error) {
	other, err := b.connect(ctx)
	if err != nil {
		return "", err
	}
	defer other.Close(ctx)
	if err := run(ctx, c, "CREATE TABLE locked (n int PRIMARY KEY, v int)", "INSERT INTO locked VALUES (1, 0), (2, 0)", "BEGIN", "UPDATE locked SET v = 1 WHERE n = 1"); err != nil {
		return "", err
	}
	if err := run(ctx, other, "BEGIN", "UPDATE locked SET v = 1 WHERE n = 2"); err != nil {
		return "", err
	}
	waited := make(chan error, 1)
	go func() { waited <- run(ctx, other, "UPDATE locked SET v = 2 WHERE n = 1", "COMMIT") }()
	first := run(ctx, c, "UPDATE locked SET v = 2 WHERE n = 2", "COMMIT")
	if first != nil {
		_ = run(ctx, c, "ROLLBACK")
	}
	second := <-waited
	if (first == nil) == (second == nil) {
		return "", fmt.Errorf("one session was to be refused: %w", errors.Join(first, second, errors.New("both had the same outcome")))
	}
	return "found, and one session went on", refused(errors.Join(first, second), "40P01") // deadlock_detected
}

// checkManySessions has 40 sessions add to the same few rows at once, so that they wait for each other.
func checkManySessions(ctx context.Context, b *bench, c *pgx.Conn) (string, error) {
	const sessions, updates = 40, 25
	if err := run(ctx, c, "CREATE TABLE counter AS SELECT n AS id, 0 AS value FROM generate_series(0, 9) n"); err != nil {
		return "", err
	}
	var group errgroup.Group
	for i := range sessions {
		group.Go(func() error {
			one, err := connectTo(ctx, b.server.ConnString(""))
			if err != nil {
				return err
			}
			defer one.Close(ctx)
			for n := range updates {
				if _, err := one.Exec(ctx, "UPDATE counter SET value = value + 1 WHERE id = $1", (i+n)%10); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d at once, %d transactions, none lost", sessions, sessions*updates), expect(ctx, c, sessions*updates, "SELECT sum(value) FROM counter")
}
