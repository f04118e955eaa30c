package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/connect"
)

// tooManyConnections is SQLSTATE 53300, ERRCODE_TOO_MANY_CONNECTIONS.
const tooManyConnections = "53300"

// reservedWay is what a person types to get in where all connections are taken; reserved tells of it.
const reservedWay = `nself psql replication=database`

// connectReserved connects as connect does, or if all connections are taken in the way that is kept for nself: as a replication
// client, which has room of its own (max_wal_senders) and takes SQL too, by the simple protocol. full tells which it was.
func (d database) connectReserved(ctx context.Context) (c *pgx.Conn, full bool, err error) {
	cfg, err := d.config()
	if err != nil {
		return nil, false, err
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	if c, err = pgx.ConnectConfig(ctx, cfg); !hasCode(err, tooManyConnections) {
		return c, false, err
	}
	cfg.RuntimeParams["replication"] = "database"
	c, err = pgx.ConnectConfig(ctx, cfg)
	return c, true, err
}

func (d database) config() (*pgx.ConnConfig, error) {
	return connect.Config(d.server().URL(), pgx.ParseConfig, func(c *pgx.ConnConfig) *pgconn.Config { return &c.Config })
}

func hasCode(err error, code string) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == code
}

// plainConnect is why a connection to a database failed, in words of nself's where it knows better ones than the driver.
func plainConnect(database string, err error) error {
	var pe *pgconn.PgError
	switch {
	case hasCode(err, tooManyConnections):
		return errFull(database)
	case errors.As(err, &pe):
		return &embeddedpg.Error{Op: "connect to the database", Path: database, Err: plainError{pe}}
	}
	return fmt.Errorf("connect to the database %s: %w", database, err)
}

// plainError is a server's error without severity and code.
type plainError struct{ *pgconn.PgError }

func (e plainError) Error() string { return e.Message }
func (e plainError) Unwrap() error { return e.PgError }

func errFull(database string) error {
	return &embeddedpg.Error{Op: "connect to the database", Path: database, Err: errors.New("all connections are taken"), Hint: fullHint}
}

// tellFull says that all connections are taken, where that may be why one of PostgreSQL's programs has failed.
func (d database) tellFull(ctx context.Context, w io.Writer) {
	if c, full, err := d.connectReserved(ctx); err == nil {
		c.Close(ctx)
		if full {
			printError(w, errFull(d.name))
		}
	}
}

const fullHint = "see whose they are, and end some with pg_terminate_backend(pid): " + reservedWay +
	` -c "SELECT pid, usename, application_name, state FROM pg_stat_activity"; or raise POSTGRES_MAX_CONNECTIONS in .env and nself restart postgres`

// facts are what the server says of itself.
type facts struct {
	full        bool // all connections were taken
	connections int  // of clients, but for the one that asks
	most        int  // max_connections
	reserved    int  // of these, those for superusers and the like

	archiving    bool
	failed       int64 // times that a segment could not be archived
	failedWAL    string
	failedAt     *time.Time
	archivedAt   *time.Time
	xidAge       int64 // of the oldest transaction id that is not frozen
	xidDatabase  string
	badChecksums int64
	maxWALSize   int64 // bytes
	slots        []slot
}

// slot is a replication slot.
type slot struct {
	name     string
	active   bool
	status   string // pg_replication_slots.wal_status
	retained int64  // bytes of the log that are kept for it
}

// readFacts asks the server. d's connections all being taken is a fact, and no error.
func (d database) readFacts(ctx context.Context) (f facts, err error) {
	c, full, err := d.connectReserved(ctx)
	if err != nil {
		return f, plainConnect(d.name, err)
	}
	defer c.Close(ctx)
	f.full = full
	var mode string
	err = c.QueryRow(ctx, `SELECT
	(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
	current_setting('max_connections')::int,
	current_setting('superuser_reserved_connections')::int + current_setting('reserved_connections')::int,
	current_setting('archive_mode'), a.failed_count, coalesce(a.last_failed_wal, ''), a.last_failed_time, a.last_archived_time,
	x.age, x.datname, (SELECT coalesce(sum(checksum_failures), 0)::bigint FROM pg_stat_database),
	pg_size_bytes(current_setting('max_wal_size'))
FROM pg_stat_archiver a,
	(SELECT age(datfrozenxid)::bigint AS age, datname FROM pg_database ORDER BY 1 DESC LIMIT 1) x`).Scan(
		&f.connections, &f.most, &f.reserved, &mode, &f.failed, &f.failedWAL, &f.failedAt, &f.archivedAt, &f.xidAge, &f.xidDatabase, &f.badChecksums, &f.maxWALSize)
	if err != nil {
		return f, fmt.Errorf("ask the server how it is: %w", err)
	}
	f.archiving = mode != "off"
	rows, err := c.Query(ctx, `SELECT slot_name, active, coalesce(wal_status, ''), coalesce(pg_wal_lsn_diff(
	CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, restart_lsn), 0)::bigint
FROM pg_replication_slots ORDER BY 1`)
	if err != nil {
		return f, err
	}
	f.slots, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (s slot, err error) {
		return s, r.Scan(&s.name, &s.active, &s.status, &s.retained)
	})
	return f, err
}
