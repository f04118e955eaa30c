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

	Incomplete bool // a plain dump need not end as one of pg_dump does, nor hold anything
	Discard    bool // drop the old database also where the new one holds nothing

	MapLocales bool   // take ICU's collations in the place of libc's
	Locale     string // of ICU, of the new database; "": that of the dump or of the database that is replaced
}

// Restore restores a logical backup into a database, as Replace does it. Roles that the backup names and that do not exist
// are made; the others are not touched. A dump that someone else made names none, and takes owner, settings and
// privileges of the database it replaces.
func Restore(ctx context.Context, t Target, o RestoreOptions) (Restored, error) {
	done, err := restore(ctx, t, o)
	var failed *loadError
	if errors.As(err, &failed) {
		hint := "the database is as it was"
		if LacksRole(err) {
			hint += "; make the roles that the dump names, or make it with --no-owner --no-privileges"
		}
		if LacksLocale(err) {
			hint += "; map the locales of the C library to ICU's"
		}
		err = &fault.Error{Op: "restore", Path: o.Backup.ID, Err: err, Hint: hint}
	}
	return done, err
}

// loadError is why a backup did not become a database, after it had been found whole.
type loadError struct{ error }

func (e *loadError) Unwrap() error { return e.error }

// LacksRole reports whether a restore failed because a role does not exist.
func LacksRole(err error) bool {
	return err != nil && strings.Contains(err.Error(), `role "`) && strings.Contains(err.Error(), "does not exist")
}

// CheckDatabase refuses a dump of another database than the one that is to be replaced, which nobody has named.
func (b *Backup) CheckDatabase(database string) error {
	if b.Database == "" || b.Database == database {
		return nil
	}
	return &fault.Error{Op: "restore", Path: b.ID, Err: fmt.Errorf("%w: it is a dump of %s, and the database to replace is %s", ErrOtherDatabase, b.Database, database), Hint: "name the database that is meant, or use another backup"}
}

// ErrOtherDatabase says that a dump is of another database.
var ErrOtherDatabase = errors.New("it is of another database")

// restore is Restore for any server, a scratch one too.
func restore(ctx context.Context, t Target, o RestoreOptions) (Restored, error) {
	b := o.Backup
	if b.Format.Physical() {
		return Restored{}, &fault.Error{Op: "restore", Path: b.ID, Err: errors.New("it is a base backup: it holds a whole cluster, not a database"), Hint: "restore it into a data directory"}
	}
	o.Progress = oneAtATime(o.Progress)
	t = t.telling(o.Progress)
	if err := b.checkFiles(ctx, func(d, total int64) { o.Progress(Progress{Stage: StageCheck, Done: d, Total: total}) }); err != nil {
		return Restored{}, err
	}
	if o.MapLocales && b.Format == Plain {
		return Restored{}, &fault.Error{Op: "restore", Path: b.ID, Err: errors.New("the locales of a script cannot be mapped"), Hint: "make the dump with pg_dump -Fc; or replace COLLATE \"en_US.utf8\" by COLLATE \"en-US-x-icu\" in it"}
	}
	if b.Files == nil {
		if err := b.checkWhole(ctx, o.Incomplete); err != nil {
			return Restored{}, err
		}
	}
	if err := t.takesDumps(ctx, o.Database); err != nil {
		return Restored{}, err
	}
	files, err := fingerprint(b.Path)
	if err != nil {
		return Restored{}, err
	}
	replace := func(fill func(context.Context, Target, string) error) (Restored, error) {
		return Replace(ctx, t, ReplaceOptions{Database: o.Database, Locale: o.Locale, Contents: b.Contents, Progress: o.Progress, Rows: true, Discard: o.Discard, Fill: func(ctx context.Context, next string) error {
			if err := o.load(ctx, t, next, fill); err != nil {
				return err
			}
			return unchanged(b.Path, files)
		}})
	}
	fill := o.fill
	if o.MapLocales {
		fill = o.fillMapped
	}
	done, err := replace(fill)
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
	o.Progress(Progress{Stage: StageAnalyze})
	return s.exec(ctx, "ANALYZE")
}

func (o RestoreOptions) fill(ctx context.Context, t Target, next string) error {
	b := o.Backup
	if b.Format == Plain {
		r := &reader{progress: o.Progress, total: sizeOf(b.Path)}
		r.tell()
		defer ticking(ctx, r.tell)()
		args := o.Args
		if b.Contents == nil {
			// A script by someone else may drop and create databases (pg_dump --create): in a transaction it cannot.
			args = append([]string{"--single-transaction"}, args...)
		}
		return r.of(t, b.Path).script(ctx, next, b.Path, args...)
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
	r := &reader{progress: o.Progress, total: sizeOf(b.Path)}
	list := slices.Concat([]string{"--list"}, args, o.Args, []string{b.Path})
	if err := t.run(ctx, next, func(line string) { r.indexes += countIndexes(line) }, "pg_restore", list...); err != nil {
		return err
	}
	defer ticking(ctx, r.tell)()
	line := func(text string) {
		r.line(text)
		r.tell()
	}
	args = slices.Concat([]string{"--verbose", "--exit-on-error", "--no-tablespaces", "--no-password", "--dbname=" + next}, args, o.Args, []string{b.Path})
	return r.of(t, b.Path).run(ctx, next, line, "pg_restore", args...)
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
