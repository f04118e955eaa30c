package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"nself.org/embeddedpg/internal/fault"
)

// RestoreOptions say what a logical backup becomes.
type RestoreOptions struct {
	Backup   *Backup  // from Find
	Database string   // that it becomes; if it exists it is replaced
	Args     []string // more arguments for pg_restore, or psql for a plain one
	Progress func(Progress)
}

// Restore restores a logical backup into a database, as Replace does it. Roles that the backup names and that do not exist
// are made; the others are not touched. A dump that someone else made names none, and takes owner, settings and
// privileges of the database it replaces.
func Restore(ctx context.Context, t Target, o RestoreOptions) (Restored, error) {
	done, err := restore(ctx, t, o)
	var failed *loadError
	if errors.As(err, &failed) {
		hint := "the database is as it was"
		if text := err.Error(); strings.Contains(text, `role "`) && strings.Contains(text, "does not exist") {
			hint += "; roles that are not here: make them, or leave them out: nself db restore FILE -- --no-owner --no-privileges"
		}
		err = &fault.Error{Op: "restore", Path: o.Backup.ID, Err: err, Hint: hint}
	}
	return done, err
}

// loadError is why a backup did not become a database, after it had been found whole.
type loadError struct{ error }

func (e *loadError) Unwrap() error { return e.error }

// restore is Restore for any server, a scratch one too.
func restore(ctx context.Context, t Target, o RestoreOptions) (Restored, error) {
	b := o.Backup
	if b.Format.Physical() {
		return Restored{}, &fault.Error{Op: "restore", Path: b.ID, Err: errors.New("it is a base backup: it holds a whole cluster, not a database"), Hint: "restore it into a data directory"}
	}
	o.Progress = oneAtATime(o.Progress)
	if err := b.checkFiles(ctx, func(d, total int64) { o.Progress(Progress{Stage: StageCheck, Done: d, Total: total}) }); err != nil {
		return Restored{}, err
	}
	if err := t.takesDumps(ctx, o.Database); err != nil {
		return Restored{}, err
	}
	replace := func(fill func(context.Context, Target, string) error) (Restored, error) {
		return Replace(ctx, t, ReplaceOptions{Database: o.Database, Contents: b.Contents, Progress: o.Progress, Fill: func(ctx context.Context, next string) error {
			return o.load(ctx, t, next, fill)
		}})
	}
	done, err := replace(o.fill)
	if isColumnVersion(err) && b.Format != Plain {
		done, err = replace(o.fillWithoutColumnVersions)
	}
	if err != nil {
		err = &loadError{err}
	}
	return done, err
}

// load fills the new database.
func (o RestoreOptions) load(ctx context.Context, t Target, next string, fill func(context.Context, Target, string) error) error {
	if err := fill(ctx, t, next); err != nil {
		return err
	}
	s, err := t.connect(ctx, next)
	if err != nil {
		return err
	}
	defer s.close()
	o.Progress(Progress{Stage: StageRestore, Item: "planner statistics"})
	return s.exec(ctx, "ANALYZE")
}

func (o RestoreOptions) fill(ctx context.Context, t Target, next string) error {
	b := o.Backup
	if b.Format == Plain {
		o.Progress(Progress{Stage: StageRestore})
		args := o.Args
		if b.Contents == nil {
			// A script by someone else may drop and create databases (pg_dump --create): in a transaction it cannot.
			args = append([]string{"--single-transaction"}, args...)
		}
		return t.script(ctx, next, b.Path, args...)
	}
	return o.archive(ctx, t, next)
}

// script runs a file of SQL up to its first error.
func (t Target) script(ctx context.Context, database, file string, args ...string) error {
	return t.run(ctx, database, nil, "psql", append([]string{"--no-psqlrc", "--quiet", "--no-password", "--output=/dev/null", "--set=ON_ERROR_STOP=1", "--file=" + file}, args...)...)
}

// archive runs pg_restore.
func (o RestoreOptions) archive(ctx context.Context, t Target, next string, args ...string) error {
	b := o.Backup
	begun, total := int64(-1), int64(0)
	for _, t := range b.Tables {
		if t.Schema != "" {
			total++
		}
	}
	line := func(text string) {
		if _, table, ok := strings.Cut(text, "processing data for table "); ok {
			begun++
			o.Progress(Progress{Stage: StageRestore, Done: begun, Total: total, Item: strings.Trim(table, `"`)})
		}
	}
	args = slices.Concat([]string{"--verbose", "--exit-on-error", "--no-tablespaces", "--no-password", "--dbname=" + next}, args, o.Args, []string{b.Path})
	return t.run(ctx, next, line, "pg_restore", args...)
}

// oldest is the oldest major version of a server that what pg_dump 18 writes goes into. Others stop at what it sets first
// (transaction_timeout, which 17 brought: _doSetFixedOutputState in src/bin/pg_dump/pg_backup_archiver.c), or at what it
// uses of 18; PostgreSQL promises nothing for them.
const oldest = 18

// takesDumps refuses a server that is too old for our dumps.
func (t Target) takesDumps(ctx context.Context, database string) error {
	s, err := t.connect(ctx, maintenance(database))
	if err != nil {
		return err
	}
	defer s.close()
	return s.takesDumps(t)
}

func (s *session) takesDumps(t Target) error {
	version, _, _ := strings.Cut(s.ParameterStatus("server_version"), " ") // "15.14 (Debian 15.14-0+deb12u1)", "19beta1"
	n, err := strconv.Atoi(version[:len(version)-len(strings.TrimLeft(version, "0123456789"))])
	if err == nil && n >= oldest {
		return nil
	}
	return &fault.Error{
		Op: "copy to the server at", Path: t.Host + ":" + strconv.Itoa(t.Port), Err: fmt.Errorf("it is PostgreSQL %s, and dumps of PostgreSQL %d do not go into an older server", version, oldest),
		Hint: "use a server of PostgreSQL 18 or later, in Docker POSTGRES_IMAGE=pgvector/pgvector:pg18; nothing was changed",
	}
}

// Present is what a restore would replace.
type Present struct {
	Exists bool // there is such a database
	Used   bool // and there is something in it besides what PostgreSQL and extensions made: tables, types, functions, large objects
}

// Look looks at what a restore into a database would replace. A server that is too old for a restore is an error.
func Look(ctx context.Context, t Target, database string) (Present, error) {
	var p Present
	s, err := t.connect(ctx, maintenance(database))
	if err != nil {
		return p, err
	}
	defer s.close()
	if err := s.takesDumps(t); err != nil {
		return p, err
	}
	if p.Exists, err = exists(ctx, s, database); err != nil || !p.Exists {
		return p, err
	}
	in, err := t.connect(ctx, database)
	if err != nil {
		return p, err
	}
	defer in.close()
	// FirstNormalObjectId in src/include/access/transam.h.
	used, err := in.one(ctx, `SELECT EXISTS (SELECT FROM (
		SELECT 'pg_class'::regclass AS classid, oid FROM pg_catalog.pg_class WHERE relkind <> 'i'
		UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_catalog.pg_type
		UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_catalog.pg_proc) o
		WHERE oid >= 16384 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.classid AND d.objid = o.oid AND d.deptype IN ('e', 'i'))
	) OR EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)`)
	p.Used = used == "t"
	return p, err
}
