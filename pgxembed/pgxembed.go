// Package pgxembed connects pgx, pgxpool and database/sql to a server inside the program by its
// Server.Dial: no socket file, no password, one line.
//
//	conn, err := pgxembed.Connect(ctx, server, "")
//	pool, err := pgxembed.NewPool(ctx, server, "")
//	db, err := pgxembed.OpenDB(server, "")
//
// Everywhere, an empty database name means Config.Database, and the user is Config.Superuser. Errors are pgx's, around those
// of the server: embeddedpg.ErrClosed from a connection to a server that was closed, and a *pgconn.PgError of what
// PostgreSQL refuses. No
// environment variable, service file or password file changes the connections. It is a package of its own so that
// programs with another driver do not link pgx.
package pgxembed

import (
	"context"
	"database/sql"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/connect"
)

// Connect opens one connection. It is not safe for concurrent use; Close it before the server.
func Connect(ctx context.Context, s *embeddedpg.Server, database string) (*pgx.Conn, error) {
	c, err := ConnConfig(s, database)
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, c)
}

// NewPool makes a pool of connections with pgxpool's defaults. The first connection is made when it is
// needed, so a database that does not exist is an error then, and not here. ctx is for making the pool alone.
func NewPool(ctx context.Context, s *embeddedpg.Server, database string) (*pgxpool.Pool, error) {
	c, err := PoolConfig(s, database)
	if err != nil {
		return nil, err
	}
	return pgxpool.NewWithConfig(ctx, c)
}

// OpenDB makes a database/sql handle. It connects when it is first used, so a database that does not exist is an error then.
func OpenDB(s *embeddedpg.Server, database string) (*sql.DB, error) {
	c, err := ConnConfig(s, database)
	if err != nil {
		return nil, err
	}
	return stdlib.OpenDB(*c), nil
}

// ConnConfig is what Connect and OpenDB use, to be changed before pgx.ConnectConfig or stdlib.OpenDB:
// another user (the password is not asked), a tracer, runtime parameters.
func ConnConfig(s *embeddedpg.Server, database string) (*pgx.ConnConfig, error) {
	c, err := connect.Config(s.ConnString(database), pgx.ParseConfig, func(c *pgx.ConnConfig) *pgconn.Config { return &c.Config })
	if err != nil {
		return nil, err
	}
	within(&c.Config, s)
	return c, nil
}

// PoolConfig is what NewPool uses, to be changed before pgxpool.NewWithConfig.
func PoolConfig(s *embeddedpg.Server, database string) (*pgxpool.Config, error) {
	c, err := connect.Config(s.ConnString(database), pgxpool.ParseConfig, func(c *pgxpool.Config) *pgconn.Config { return &c.ConnConfig.Config })
	if err != nil {
		return nil, err
	}
	within(&c.ConnConfig.Config, s)
	return c, nil
}

// within leads every connection, those of cancel requests too, through Dial. The address of the connection
// string stays in error messages only.
func within(c *pgconn.Config, s *embeddedpg.Server) {
	c.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return s.Dial(ctx) }
	c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	c.Fallbacks = nil
	c.TLSConfig = nil
}
