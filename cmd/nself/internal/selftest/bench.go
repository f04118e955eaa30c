package selftest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/connect"
	"nself.org/embeddedpg/internal/hostdir"
)

// sessionMemory is what a session of the bench's server may take: the memory checks ask for less and for more.
const sessionMemory = 512 << 20

// bench is a temporary cluster and the server on it. It is not safe for concurrent use.
type bench struct {
	temp     *hostdir.Temp
	password string
	server   *embeddedpg.Server // nil until it is needed, and after its end
	started  time.Duration      // how long the first start took, which made the cluster
}

func newBench() (*bench, error) {
	temp, err := hostdir.MakeTemp("", "nself-selftest-")
	if err != nil {
		return nil, err
	}
	return &bench{temp: temp, password: rand.Text()}, nil
}

// close stops the server and removes everything.
func (b *bench) close() error {
	return errors.Join(b.stop(), b.temp.Remove())
}

func (b *bench) stop() error {
	if b.server == nil {
		return nil
	}
	err := b.server.Close()
	b.server = nil
	return err
}

// path is a place in the bench's directory.
func (b *bench) path(name string) string { return filepath.Join(b.temp.Path(), name) }

// config is that of the server.
func (b *bench) config() embeddedpg.Config {
	return embeddedpg.Config{
		DataDir: b.path("data"), ArchiveDir: b.path("archive"), Password: b.password, Listen: "127.0.0.1:0", SessionMemory: sessionMemory, ChildProcess: true,
		Settings: map[string]string{"wal_level": "logical", "max_prepared_transactions": "5"},
	}
}

// run returns the running server. One that has ended by itself is started again.
func (b *bench) run(ctx context.Context) (*embeddedpg.Server, error) {
	if b.server != nil && !b.answers(ctx) {
		_ = b.stop() // it has ended: the check that ended it has said so
	}
	if b.server != nil {
		return b.server, nil
	}
	began := time.Now()
	server, err := embeddedpg.Start(ctx, b.config())
	if err != nil {
		return nil, err
	}
	b.server = server
	if b.started == 0 {
		b.started = time.Since(began)
	}
	return server, nil
}

func (b *bench) answers(ctx context.Context) bool {
	c, err := connectTo(ctx, b.server.ConnString(""))
	if err == nil {
		_ = c.Close(ctx)
	}
	return err == nil
}

// connect opens a session over the Unix socket.
func (b *bench) connect(ctx context.Context) (*pgx.Conn, error) {
	server, err := b.run(ctx)
	if err != nil {
		return nil, err
	}
	return connectTo(ctx, server.ConnString(""))
}

// connectTo follows the connection string alone, and nothing of the environment.
func connectTo(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := connect.Config(url, pgx.ParseConfig, func(c *pgx.ConnConfig) *pgconn.Config { return &c.Config })
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, config)
}

// ask returns the one value of a query.
func ask[T any](ctx context.Context, c *pgx.Conn, sql string, args ...any) (value T, err error) {
	err = c.QueryRow(ctx, sql, args...).Scan(&value)
	return value, err
}

// expect is an error unless the query's one value is that.
func expect[T comparable](ctx context.Context, c *pgx.Conn, want T, sql string, args ...any) error {
	got, err := ask[T](ctx, c, sql, args...)
	if err == nil && got != want {
		err = fmt.Errorf("%s gives %v instead of %v", sql, got, want)
	}
	return err
}

// run executes statements, each by itself.
func run(ctx context.Context, c *pgx.Conn, statements ...string) error {
	for _, sql := range statements {
		if _, err := c.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// refused is an error unless err is the server's with that SQLSTATE.
func refused(err error, code string) error {
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == code {
		return nil
	}
	if err == nil {
		return fmt.Errorf("it was not refused; SQLSTATE %s was expected", code)
	}
	return fmt.Errorf("SQLSTATE %s was expected: %w", code, err)
}

// exists reports whether there is a file of that name.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
