package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// VerifyOptions say what to verify, and with what.
type VerifyOptions struct {
	Backup   *Backup // from Find
	Scratch  Scratch
	CacheDir string
	Progress func(Progress)
}

// Verified is what a verified backup proved to hold.
type Verified struct {
	Backup   Backup
	Compared bool  // with the numbers of the backup: false where there are none, as of a file that someone else made
	Tables   int   // whose rows were counted
	Rows     int64 //
}

// scratchSettings are those of a server that is thrown away: nothing on it has to survive a crash.
var scratchSettings = map[string]string{
	"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off", "max_wal_size": "4GB", "archive_mode": "off",
}

// Verify proves a backup: the files have their checksums, and it is restored into a scratch server. A logical backup's
// tables are then counted and added up, and compared with what the database held; a physical one is checked by
// pg_verifybackup, recovered, and every table of every database is read. A nil error means that all this succeeded.
func Verify(ctx context.Context, o VerifyOptions) (Verified, error) {
	v := Verified{Backup: *o.Backup}
	progress := oneAtATime(o.Progress)
	if err := o.Backup.checkFiles(ctx, func(d, total int64) { progress(Progress{Stage: StageCheck, Done: d, Total: total}) }); err != nil {
		return v, err
	}
	if o.Backup.Format.Physical() {
		return v, verifyBase(ctx, o, &v, progress)
	}
	t, stop, err := o.Scratch(ctx, "", scratchSettings)
	if err != nil {
		return v, fmt.Errorf("start a scratch server: %w", err)
	}
	err = verifyDump(ctx, t, o, &v, progress)
	return v, errors.Join(err, stop())
}

// scratchDatabase is the name of the restored database; a dump holds no name of its own.
const scratchDatabase = "restored"

func verifyDump(ctx context.Context, t Target, o VerifyOptions, v *Verified, progress func(Progress)) error {
	if _, err := restore(ctx, t, RestoreOptions{Backup: o.Backup, Database: scratchDatabase, Progress: progress}); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return &fault.Error{Op: "restore a copy of", Path: o.Backup.ID, Err: err, Hint: "do not rely on this backup; make a new one"}
	}
	tables, err := readTables(ctx, t, scratchDatabase, progress)
	if err != nil {
		return err
	}
	v.add(tables)
	if o.Backup.Tables == nil {
		return nil
	}
	v.Compared = true
	return compareTables(o.Backup.Tables, tables)
}

func (v *Verified) add(tables []Table) {
	for _, t := range tables {
		if t.Schema != "" {
			v.Tables++
			v.Rows += t.Rows
		}
	}
}

// readTables adds up a database's tables.
func readTables(ctx context.Context, t Target, database string, progress func(Progress)) ([]Table, error) {
	s, err := t.connect(ctx, database)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.exec(ctx, append(asText, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")...); err != nil {
		return nil, err
	}
	names, err := tableNames(ctx, s)
	if err != nil {
		return nil, err
	}
	return sumTables(ctx, s, names, func(done int) {
		progress(Progress{Stage: StageSum, Done: int64(done), Total: int64(len(names)), Item: database})
	})
}

// proveBase compares a base backup with its backup_manifest, by pg_verifybackup. One without it is refused, unless that is meant.
func (b *Backup) proveBase(ctx context.Context, cacheDir string, unproved bool) error {
	if _, err := os.Lstat(filepath.Join(b.Path, "backup_manifest")); errors.Is(err, fs.ErrNotExist) {
		if unproved {
			return nil
		}
		return &fault.Error{Op: "check the backup", Path: b.Path, Err: fmt.Errorf("%w: it has no backup_manifest, so nothing tells whether all its files are there", ErrIncomplete), Hint: "make it with pg_basebackup, or say that it is meant"}
	}
	args := []string{"--exit-on-error", "--quiet", b.Path}
	if b.Format == BaseTar {
		args = append([]string{"--no-parse-wal"}, args...) // it does not read WAL in tar files
	}
	if err := (Target{CacheDir: cacheDir}).run(ctx, "", nil, "pg_verifybackup", args...); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &fault.Error{Op: "check the backup", Path: b.Path, Err: fmt.Errorf("%w: %w", ErrDamaged, err), Hint: "use another backup"}
	}
	return nil
}

func verifyBase(ctx context.Context, o VerifyOptions, v *Verified, progress func(Progress)) error {
	if err := o.Backup.proveBase(ctx, o.CacheDir, false); err != nil {
		return err
	}
	tmp, err := hostdir.MakeTemp("", "embeddedpg-verify-")
	if err != nil {
		return err
	}
	defer tmp.Remove()
	data := filepath.Join(tmp.Path(), "data")
	if err := o.Backup.unpack(ctx, data, progress); err != nil {
		return err
	}
	progress(Progress{Stage: StageRecover})
	t, stop, err := o.Scratch(ctx, data, scratchSettings)
	if err != nil {
		return fmt.Errorf("start a scratch server: %w", err)
	}
	t.User = o.Backup.user()
	return errors.Join(readCluster(ctx, t, v, progress), stop())
}

// readCluster reads every table of every database that can be connected to.
func readCluster(ctx context.Context, t Target, v *Verified, progress func(Progress)) error {
	s, err := t.connect(ctx, "template1")
	if err != nil {
		return err
	}
	rows, err := s.query(ctx, "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn ORDER BY 1")
	s.close()
	if err != nil {
		return err
	}
	for _, r := range rows {
		tables, err := readTables(ctx, t, r[0], progress)
		if err != nil {
			return fmt.Errorf("database %s: %w", r[0], err)
		}
		v.add(tables)
	}
	return nil
}
