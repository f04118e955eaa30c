package studio

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// applicationName is how the studio's sessions are called in pg_stat_activity.
const applicationName = "nself studio"

// connConfig is how a database is reached, with the settings that the page relies on: values look the same
// each time they are read, and nothing runs or waits for ever.
func (s *Studio) connConfig(database string) (*pgxpool.Config, error) {
	if database == "" {
		database = s.config.Database
	}
	c, err := s.config.Connect(database)
	if err != nil {
		return nil, err
	}
	params := c.ConnConfig.RuntimeParams
	for name, value := range map[string]string{
		"application_name": applicationName, "client_encoding": "UTF8", "bytea_output": "hex", "datestyle": "ISO, YMD", "intervalstyle": "postgres",
		"extra_float_digits": "1", "statement_timeout": strconv.FormatInt(s.config.Timeout.Milliseconds(), 10), "lock_timeout": "10s",
	} {
		params[name] = value
	}
	if s.config.ReadOnly {
		params["default_transaction_read_only"] = "on"
	}
	return c, nil
}

// pools has a pool of connections for each database that was looked at.
type pools struct {
	config func(database string) (*pgxpool.Config, error)
	mu     struct {
		sync.Mutex
		of map[string]*pgxpool.Pool
	}
}

func newPools(config func(string) (*pgxpool.Config, error)) *pools {
	p := &pools{config: config}
	p.mu.of = map[string]*pgxpool.Pool{}
	return p
}

// get returns a database's pool. Its connections end a little after they were last used, so that the studio does not keep
// anybody from dropping a database.
func (p *pools) get(database string) (*pgxpool.Pool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pool := p.mu.of[database]; pool != nil {
		return pool, nil
	}
	c, err := p.config(database)
	if err != nil {
		return nil, err
	}
	c.MaxConns, c.MinConns = 4, 0
	c.MaxConnIdleTime, c.HealthCheckPeriod = 15*time.Second, 5*time.Second
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err == nil {
		p.mu.of[database] = pool
	}
	return pool, err
}

func (p *pools) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pool := range p.mu.of {
		pool.Close()
	}
	clear(p.mu.of)
}

// text is a value as PostgreSQL writes it; nil: NULL.
type text = *string

// ask runs one statement, values and results as text, and returns all of what it gives.
func (s *Studio) ask(ctx context.Context, database, sql string, values ...text) (*pgconn.Result, error) {
	pool, err := s.pools.get(database)
	if err != nil {
		return nil, err
	}
	c, err := pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Release()
	return run(ctx, c.Conn().PgConn(), sql, values...)
}

func run(ctx context.Context, c *pgconn.PgConn, sql string, values ...text) (*pgconn.Result, error) {
	r := c.ExecParams(ctx, sql, toBytes(values), nil, nil, nil).Read()
	return r, r.Err
}

func toBytes(values []text) [][]byte {
	params := make([][]byte, len(values))
	for i, v := range values {
		if v != nil {
			params[i] = []byte(*v)
		}
	}
	return params
}

// toText makes a value of a result.
func toText(b []byte) text {
	if b == nil {
		return nil
	}
	s := string(b)
	return &s
}

// list scans a query's rows into structs whose fields have the columns' names.
func list[T any](ctx context.Context, s *Studio, database, sql string, args ...any) ([]T, error) {
	pool, err := s.pools.get(database)
	if err != nil {
		return nil, err
	}
	rows, err := pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	out, err := pgx.CollectRows(rows, pgx.RowToStructByNameLax[T])
	if out == nil {
		out = []T{}
	}
	return out, err
}
