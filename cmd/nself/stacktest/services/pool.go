package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// pool is one of Hasura's two: connections open when they are needed, and each names its prepared statements 0, 1,
// 2 ..., so that two of them use the same names for other statements.
type pool struct {
	url  string
	free chan *session // as many as the pool has; nil is one that is not open
}

func newPool(url string, size int) *pool {
	p := &pool{url: url, free: make(chan *session, size)}
	for range size {
		p.free <- nil
	}
	return p
}

// session is one connection.
type session struct {
	conn     *pgconn.PgConn
	prepared map[string]string // SQL to name
}

// with runs do on a connection, and again on a new one if that was found broken before anything was done.
func (p *pool) with(ctx context.Context, do func(*session) error) error {
	var s *session
	select {
	case s = <-p.free:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { p.free <- s }()
	for try := 0; ; try++ {
		if s == nil {
			var err error
			if s, err = open(ctx, p.url); err != nil {
				return err
			}
		}
		err := do(s)
		if !s.conn.IsClosed() && s.conn.TxStatus() != 'I' {
			s.run(context.WithoutCancel(ctx), "ABORT")
		}
		if s.conn.IsClosed() {
			s = nil
		}
		if err == nil || s != nil || try > 0 || ctx.Err() != nil {
			return err
		}
	}
}

func open(ctx context.Context, url string) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cfg, err := pgconn.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: 10 * time.Second} // a CancelRequest, and the connection stays
	}
	c, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	// The first words of Hasura's client, by the simple protocol.
	if err := c.Exec(ctx, "SET client_encoding = 'UTF8';SET client_min_messages TO WARNING;").Close(); err != nil {
		c.Close(ctx)
		return nil, err
	}
	return &session{c, map[string]string{}}, nil
}

// run runs one statement, prepared under the next number. Parameters are text; nil is NULL.
func (s *session) run(ctx context.Context, sql string, params ...any) ([][]string, error) {
	name, ok := s.prepared[sql]
	if !ok {
		name = strconv.Itoa(len(s.prepared))
		if _, err := s.conn.Prepare(ctx, name, sql, nil); err != nil {
			return nil, fmt.Errorf("prepare %.40q: %w", sql, err)
		}
		s.prepared[sql] = name
	}
	values := make([][]byte, len(params))
	for i, p := range params {
		if p != nil {
			values[i] = []byte(fmt.Sprint(p))
		}
	}
	result := s.conn.ExecPrepared(ctx, name, values, nil, nil).Read()
	if result.Err != nil {
		return nil, fmt.Errorf("%.40q: %w", sql, result.Err)
	}
	var rows [][]string
	for _, r := range result.Rows {
		var row []string
		for _, v := range r {
			row = append(row, string(v))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// transaction runs do between a prepared BEGIN and COMMIT; with leaves none open.
func (s *session) transaction(ctx context.Context, level string, do func() error) error {
	if _, err := s.run(ctx, "BEGIN ISOLATION LEVEL "+level+" READ WRITE"); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	_, err := s.run(ctx, "COMMIT")
	return err
}

// serialization reports whether a transaction is to be tried again.
func serialization(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}
