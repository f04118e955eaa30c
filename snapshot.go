package embeddedpg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/sqlwire"
)

// Snapshot copies the running cluster to the directory dir, which must be empty or not exist; it appears whole or not
// at all. Clients go on reading and writing meanwhile, and the copy holds what was committed when the copying ended.
// Where the file system shares blocks between files (Btrfs, XFS, APFS) it takes little time and room; elsewhere it
// takes as much as copying the data directory does. Unlogged tables are empty in it, as after a crash.
//
// Config.CopyFrom starts a server on a copy of the snapshot, and Branch one on a snapshot that it makes. The snapshot is a data directory as well: Config.DataDir, or
// a native PostgreSQL 18, opens it as it is. It has the system identifier of the original, so the write-ahead log of
// both must not be archived to one place. To keep data safe from the loss of a disk, make a backup instead.
//
// It needs the setting wal_level to be replica (the default) or logical, and one free replication slot. If ctx ends
// before, or anything fails, nothing is left of the copy. A directory that is not empty is an *Error.
func (s *Server) Snapshot(ctx context.Context, dir string) error {
	return public(s.snapshot(ctx, dir, s.cfg.volatile()))
}

// snapshot makes one that is volatile if it need not survive a power failure.
func (s *Server) snapshot(ctx context.Context, dir string, volatile bool) error {
	target, err := cluster.Open(dir)
	if err != nil {
		return err
	}
	defer target.Close()
	if !target.Empty() {
		return &Error{Op: "make a snapshot", Path: dir, Err: errors.New("it holds a cluster already"), Hint: "give a directory that does not exist yet"}
	}
	conn, err := s.query(ctx, "embeddedpg snapshot")
	if err != nil {
		return fmt.Errorf("make a snapshot: %w", err)
	}
	defer conn.Close() // of a session that has not stopped it yet, this ends the backup
	return target.Snapshot(ctx, s.DataDir(), &onlineBackup{conn: conn}, volatile)
}

// query opens a session of the superuser, in a database that is there. A session in template1 would keep others from
// CREATE DATABASE, so that one comes last.
func (s *Server) query(ctx context.Context, application string) (c *sqlwire.Conn, err error) {
	for _, database := range []string{s.cfg.Database, defaultDatabase, "template1"} {
		var conn net.Conn
		if conn, err = s.Dial(ctx); err != nil {
			return nil, err
		}
		c, err = sqlwire.Open(ctx, conn, s.cfg.Superuser, database, application)
		var refused *sqlwire.Error
		if !errors.As(err, &refused) || refused.Code != "3D000" { // ERRCODE_UNDEFINED_DATABASE
			break
		}
	}
	return c, err
}

// volatile reports whether the server itself would lose data in a power failure: then its copies need not be safer.
func (c Config) volatile() bool {
	switch c.Settings["fsync"] {
	case "off", "false", "no", "0":
		return true
	}
	return false
}

// onlineBackup is what the copying of a running cluster asks of the server.
type onlineBackup struct {
	conn  *sqlwire.Conn
	start string // LSN
}

// Start first reserves the write-ahead log: a checkpoint during the copying would otherwise remove what the copy needs.
// The slot ends with the session.
func (b *onlineBackup) Start(ctx context.Context) error {
	_, err := b.conn.Query(ctx, "SELECT pg_create_physical_replication_slot('embeddedpg_' || pg_backend_pid(), true, true)")
	if err != nil {
		return err
	}
	rows, err := b.conn.Query(ctx, "SELECT pg_backup_start('embeddedpg snapshot', true)")
	if err != nil {
		return err
	}
	b.start = rows[0][0]
	return nil
}

func (b *onlineBackup) Stop(ctx context.Context) (label string, wal []string, err error) {
	rows, err := b.conn.Query(ctx, "SELECT lsn, labelfile FROM pg_backup_stop(false)")
	if err != nil {
		return "", nil, err
	}
	stop, label := rows[0][0], rows[0][1]
	files, err := b.conn.Query(ctx, fmt.Sprintf(`
		SELECT name FROM pg_ls_waldir()
		WHERE name ~ '^[0-9A-F]{24}$' AND name BETWEEN pg_walfile_name('%s') AND pg_walfile_name('%s'::pg_lsn - 1)`, b.start, stop))
	if err != nil {
		return "", nil, err
	}
	// Whole segments from the one with start to the one with the byte before stop.
	count, err := b.conn.Query(ctx, fmt.Sprintf(`
		SELECT div('%[2]s'::pg_lsn - '0/1'::pg_lsn, s) - div('%[1]s'::pg_lsn - '0/0'::pg_lsn, s) + 1
		FROM (SELECT pg_size_bytes(current_setting('wal_segment_size'))::numeric AS s)`, b.start, stop))
	if err != nil {
		return "", nil, err
	}
	if n, _ := strconv.Atoi(count[0][0]); n != len(files) {
		return "", nil, fmt.Errorf("the copy needs %s files of the write-ahead log, and %d are there", count[0][0], len(files))
	}
	for _, f := range files {
		wal = append(wal, f[0])
	}
	return label, wal, nil
}
