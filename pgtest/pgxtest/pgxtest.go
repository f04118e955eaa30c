// Package pgxtest is package pgtest for pgx: it makes connections and pools to a test's database, and closes them with
// the test.
//
//	func TestUsers(t *testing.T) {
//		t.Parallel()
//		pool := pgxtest.New(t, pgtest.MigrateFS(migrations, "*.sql")).Pool(t)
//		...
//	}
package pgxtest

import (
	"context"
	"database/sql"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"nself.org/embeddedpg/internal/connect"
	"nself.org/embeddedpg/pgtest"
)

// DB is a test's database.
type DB struct {
	*pgtest.DB

	mu      sync.Mutex
	pools   []*pgxpool.Pool
	handles []*sql.DB
}

// New returns a database that is the test's alone and goes with it: pgtest.New.
func New(t testing.TB, opts ...pgtest.Option) *DB {
	t.Helper()
	return &DB{DB: pgtest.New(t, opts...)}
}

// Conn returns a connection that is closed at the test's end.
func (db *DB) Conn(t testing.TB) *pgx.Conn {
	t.Helper()
	cfg := db.ConnConfig(t)
	conn, err := pgx.ConnectConfig(context.Background(), cfg)
	if err != nil {
		t.Fatalf("pgxtest: %v", err)
	}
	t.Cleanup(func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		conn.Close(ctx)
	})
	return conn
}

// closeTime is what the server has to take note of a closed connection.
const closeTime = 5 * time.Second

// Pool returns a pool that is closed at the test's end. A connection that the test has not given back by then fails
// the test.
func (db *DB) Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	cfg, err := connect.Config(db.ConnString(), pgxpool.ParseConfig, func(c *pgxpool.Config) *pgconn.Config { return &c.ConnConfig.Config })
	if err != nil {
		t.Fatalf("pgxtest: %v", err)
	}
	cfg.ConnConfig.DialFunc = db.dial
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		t.Fatalf("pgxtest: %v", err)
	}
	db.mu.Lock()
	db.pools = append(db.pools, pool)
	db.mu.Unlock()
	t.Cleanup(func() {
		t.Helper()
		// Close waits for what is not given back, which would hang the test.
		closed := make(chan struct{})
		go func() {
			defer close(closed)
			pool.Close()
		}()
		select {
		case <-closed:
		case <-time.After(closeTime):
			t.Errorf("pgxtest: %d connections of the pool were not released", pool.Stat().AcquiredConns())
		}
	})
	return pool
}

// SQLDB returns a database/sql handle, over pgx, that is closed at the test's end.
func (db *DB) SQLDB(t testing.TB) *sql.DB {
	t.Helper()
	handle := stdlib.OpenDB(*db.ConnConfig(t))
	db.mu.Lock()
	db.handles = append(db.handles, handle)
	db.mu.Unlock()
	t.Cleanup(func() { handle.Close() })
	return handle
}

// Reset is pgtest's. The pools and handles that Pool and SQLDB have made make new connections afterwards; what was taken from
// them, and what Conn has made, is ended.
func (db *DB) Reset(t testing.TB) {
	t.Helper()
	db.closeIdle()
	db.DB.Reset(t)
	db.closeIdle() // those that were given back meanwhile
}

// Save is pgtest's. It closes the idle connections of the pools and handles that Pool and SQLDB have made; one that is taken from
// them, or that Conn has made, must be given back or closed before.
func (db *DB) Save(t testing.TB) {
	t.Helper()
	db.closeIdle()
	db.DB.Save(t)
}

// sqlIdle is how many idle connections a handle of database/sql keeps: defaultMaxIdleConns in sql.go.
const sqlIdle = 2

// closeIdle closes the connections that nobody uses.
func (db *DB) closeIdle() {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, pool := range db.pools {
		pool.Reset()
	}
	for _, handle := range db.handles {
		handle.SetMaxIdleConns(-1)
		handle.SetMaxIdleConns(sqlIdle)
	}
}

// ConnConfig returns the configuration that Conn and SQLDB use, to be changed before connecting.
func (db *DB) ConnConfig(t testing.TB) *pgx.ConnConfig {
	t.Helper()
	cfg, err := config(db.DB)
	if err != nil {
		t.Fatalf("pgxtest: %v", err)
	}
	return cfg
}

func config(db *pgtest.DB) (*pgx.ConnConfig, error) {
	cfg, err := connect.Config(db.ConnString(), pgx.ParseConfig, func(c *pgx.ConnConfig) *pgconn.Config { return &c.Config })
	if err != nil {
		return nil, err
	}
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return db.Dial(ctx) }
	return cfg, nil
}

func (db *DB) dial(ctx context.Context, _, _ string) (net.Conn, error) { return db.Dial(ctx) }
