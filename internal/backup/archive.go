package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"time"

	"nself.org/embeddedpg/internal/fault"
)

// ErrArchive says that the write-ahead log does not get where it is to be archived.
var ErrArchive = errors.New("the write-ahead log is not archived")

// CheckArchive is an error (ErrArchive) if the server fails to archive its write-ahead log, or archives it elsewhere than to
// the directory dir of this machine: the server keeps the directory that it opened when it started, also when that was
// moved or removed. Where dir is empty the server may archive to any place, or not at all. It puts a file into dir
// for a moment. A failure counts until the next segment is archived.
func CheckArchive(ctx context.Context, t Target, dir string) error {
	s, err := t.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer s.close()
	_, err = s.checkArchive(ctx, dir)
	return err
}

// archiver is what the server says of archiving.
type archiver struct {
	on       bool   // it archives
	guestDir string // basic_archive's directory, as the server names it; "" if another library or a command archives
	failing  bool   // the last try since the start failed
	failed   int64  // tries
	segment  string // that failed last
	since    string // when it did
}

func (s *session) archiver(ctx context.Context) (a archiver, err error) {
	rows, err := s.query(ctx, `SELECT NOT pg_catalog.pg_is_in_recovery() AND pg_catalog.current_setting('archive_mode') <> 'off' AND (coalesce(pg_catalog.current_setting('archive_library', true), '') <> ''
			OR pg_catalog.current_setting('archive_command') NOT IN ('', '(disabled)')),
		CASE pg_catalog.current_setting('archive_library', true) WHEN 'basic_archive' THEN pg_catalog.current_setting('basic_archive.archive_directory', true) END,
		coalesce(last_failed_time > greatest(last_archived_time, pg_catalog.pg_postmaster_start_time()), false), failed_count, last_failed_wal, pg_catalog.date_trunc('second', last_failed_time)
		FROM pg_catalog.pg_stat_archiver`)
	if err != nil {
		return a, err
	}
	r := rows[0]
	a = archiver{on: r[0] == "t", guestDir: r[1], failing: r[2] == "t", segment: r[4], since: r[5]}
	a.failed, err = strconv.ParseInt(r[3], 10, 64)
	return a, err
}

// checkArchive is CheckArchive. It also tells whether the server archives.
func (s *session) checkArchive(ctx context.Context, dir string) (on bool, err error) {
	a, err := s.archiver(ctx)
	if err != nil {
		return false, err
	}
	if !a.on && dir == "" {
		return false, nil
	}
	bad := func(why, hint string) (bool, error) {
		return a.on, &fault.Error{Op: "archive to", Path: dir, Err: fmt.Errorf("%w: %s", ErrArchive, why), Hint: hint}
	}
	if !a.on {
		return bad("the server was started without it, or it is switched off", "restart the server")
	}
	if dir != "" && a.guestDir != "" {
		if same, err := s.sees(ctx, dir, a.guestDir); err != nil {
			return bad(err.Error(), "make it again with mode 0700, and restart the server: it holds the directory that was there")
		} else if !same {
			return bad("the server writes to another directory, the one that had this name when it started", "restart the server, and move what it archived meanwhile here")
		}
	}
	if a.failing {
		return bad(fmt.Sprintf("%s failed at %s, the last of %d failures", a.segment, a.since, a.failed), "the server's log says why; it tries again every minute")
	}
	return true, nil
}

// sees reports whether dir is the directory that the server calls guestDir.
func (s *session) sees(ctx context.Context, dir, guestDir string) (bool, error) {
	probe, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return false, err
	}
	defer os.Remove(probe.Name())
	if err := probe.Close(); err != nil {
		return false, err
	}
	size, err := s.one(ctx, "SELECT size FROM pg_catalog.pg_stat_file($1::text, true)", path.Join(guestDir, filepath.Base(probe.Name())))
	return size == "0", err
}

// archivePoll is how often the server is asked whether a segment is archived.
const archivePoll = 50 * time.Millisecond

// waitArchived returns when the log up to now is archived: a base backup is not worth much without. A failure ends it.
func (s *session) waitArchived(ctx context.Context, dir string) error {
	before, err := s.archiver(ctx)
	if err != nil {
		return err
	}
	// At the boundary of two segments this is the name of the one before.
	segment, err := s.one(ctx, "SELECT pg_catalog.pg_walfile_name(pg_catalog.pg_switch_wal())")
	if err != nil {
		return err
	}
	for {
		waiting, err := s.one(ctx, "SELECT count(*) FROM pg_catalog.pg_ls_archive_statusdir() WHERE name <= $1::text AND name ~ '^[0-9A-F]{24}\\.ready$'", segment+".ready")
		if err != nil {
			return err
		}
		if waiting == "0" {
			return nil
		}
		now, err := s.archiver(ctx)
		if err != nil {
			return err
		}
		if now.failed > before.failed {
			if _, err := s.checkArchive(ctx, dir); err != nil {
				return err
			}
			before = now // it has succeeded since
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(archivePoll):
		}
	}
}
