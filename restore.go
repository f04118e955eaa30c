package embeddedpg

import (
	"context"
	"time"

	"nself.org/embeddedpg/internal/backup"
)

// RestoreOptions say what [Server.Restore] does with a dump. The zero value works.
type RestoreOptions struct {
	// Database is what the dump becomes; it is replaced if it exists. Default: Config.Database, unless the dump is of another
	// one, which is an error ([ErrOtherDatabase]).
	Database string

	// Progress is as in BackupOptions.
	Progress func(BackupProgress)

	// Incomplete takes a plain dump of someone else's that does not end with pg_dump's closing line, or holds no
	// statement. Default: that is an error ([ErrBackupIncomplete]), because the rest of it may be missing.
	Incomplete bool

	// MapLocales takes ICU's collations in the place of those of a C library that the server does not have, en-US-x-icu in that
	// of en_US.utf8, in columns, indexes and definitions. The dump must not be a plain one. Default: such a
	// dump is an error.
	MapLocales bool

	// Discard drops the old database also where the new one holds nothing. Default: it is kept under another name; see Restored.
	Discard bool
}

// Restored says what [Server.Restore] did.
type Restored struct {
	Replaced     bool         // there was a database of that name
	Disconnected int          // how many sessions in it were ended
	Roles        []string     // that were made because the dump needs them
	Before       DatabaseSize // of the database that was replaced
	After        DatabaseSize // of the one that took its place

	// Kept is the name under which the old database is still there: it held something, and the new one holds nothing, or no rows
	// where the old one had some; or it could not be dropped. Empty: it is gone.
	Kept string
}

// DatabaseSize is how much a database holds.
type DatabaseSize struct {
	Tables   int   // those of extensions do not count
	Rows     int64 // of them
	Bytes    int64 // on the disk
	Estimate bool  // Rows is what the planner believes: the database is too large to count them, or a table was locked
}

// Restore makes a database of a dump, all or nothing. The dump is restored into a new database, which takes the name of the old
// one in one transaction. Until then clients go on working in the old database; then their sessions are ended, and what
// they wrote meanwhile goes with the old database. If ctx ends, or anything fails, the old database is as it was, and
// after a crash it is either that or the new one. Roles of the dump that the server lacks are made.
//
// The dump's files are compared with their checksums first. One that someone else made has none: then it must be whole as far as
// its own format tells, and must not change while it is read.
//
// Errors of a backup that is not restored are [ErrBackupDamaged], [ErrBackupIncomplete] and [ErrOtherDatabase].
func (s *Server) Restore(ctx context.Context, b *Backup, o RestoreOptions) (Restored, error) {
	kept, err := b.known()
	if err != nil {
		return Restored{}, err
	}
	if o.Database == "" {
		o.Database = s.cfg.Database
		if err := kept.CheckDatabase(o.Database); err != nil {
			return Restored{}, public(err)
		}
	}
	t, closeDoor, err := s.door(ctx)
	if err != nil {
		return Restored{}, err
	}
	defer closeDoor()
	done, err := backup.Restore(ctx, t, backup.RestoreOptions{
		Backup: kept, Database: o.Database, Progress: internalProgress(o.Progress), Incomplete: o.Incomplete, Discard: o.Discard,
		MapLocales: o.MapLocales,
	})
	return Restored{
		Replaced: done.Replaced, Disconnected: done.Disconnected, Roles: done.Roles, Kept: done.Kept,
		Before: DatabaseSize(done.Before), After: DatabaseSize(done.After),
	}, public(err)
}

// RestoreBaseOptions say which state of a cluster [RestoreBase] makes.
type RestoreBaseOptions struct {
	DataDir    string               // the data directory to make or replace; required; no server may be running on it
	ArchiveDir string               // what Config.ArchiveDir was; default none
	Time       time.Time            // the last moment whose commits are there; default the moment at which the backup ended
	ToEnd      bool                 // instead of Time: everything that the log holds, which must have no gap
	Timeline   string               // which timeline to follow, as recovery_target_timeline; default "latest"
	CacheDir   string               // as in Config, with its default
	Progress   func(BackupProgress) // as in BackupOptions

	// Incomplete takes a base backup of someone else's that has no backup_manifest. Default: that is an error
	// ([ErrBackupIncomplete]), because nothing tells whether all its files are there.
	Incomplete bool
}

// RestoredBase says what [RestoreBase] did.
type RestoredBase struct {
	Kept string // where the data directory is that was in the place before; empty if there was none
}

// RestoreBase makes a data directory of a base backup, recovers it up to the moment that is wanted, and puts it in its place in one
// step. A data directory that is there already is kept under another name beside it. Log that had not been archived
// is taken from there, if it is of the same cluster. If ctx ends, or anything fails, or the program is killed, the
// old data directory is as it was, or the new one is complete and in its place. A running server on DataDir is an *Error, and so is
// a moment that the backup and the log do not reach; a backup that is not used, [ErrBackupDamaged] or [ErrBackupIncomplete].
func RestoreBase(ctx context.Context, b *Backup, o RestoreBaseOptions) (RestoredBase, error) {
	kept, err := b.known()
	if err != nil {
		return RestoredBase{}, err
	}
	done, err := backup.Recover(ctx, backup.RecoverOptions{
		Backup: kept, DataDir: o.DataDir, Archive: o.ArchiveDir, Time: o.Time, ToEnd: o.ToEnd, Timeline: o.Timeline,
		Scratch: scratch(o.CacheDir), CacheDir: o.CacheDir, Progress: internalProgress(o.Progress), Incomplete: o.Incomplete,
	})
	return RestoredBase(done), public(err)
}

// VerifyBackupOptions are the choices of [VerifyBackup]. The zero value works.
type VerifyBackupOptions struct {
	CacheDir string               // as in Config
	Progress func(BackupProgress) // as in BackupOptions
}

// VerifiedBackup says what a backup holds that [VerifyBackup] has proved.
type VerifiedBackup struct {
	Backup   Backup
	Compared bool  // the tables were compared with what the database held when it was backed up
	Tables   int   // that were read
	Rows     int64 // of them
}

// VerifyBackup proves a backup: it compares the files with their checksums and restores it into a temporary server. A dump's tables are
// counted and added up, and must be what the database held when it was backed up. A base backup passes pg_verifybackup and is
// recovered, and all its tables are read. It needs room for the restored data in the temporary directory. A backup that
// fails is an *Error, which is [ErrBackupDamaged] where a file is not what it was.
func VerifyBackup(ctx context.Context, b *Backup, o VerifyBackupOptions) (VerifiedBackup, error) {
	kept, err := b.known()
	if err != nil {
		return VerifiedBackup{}, err
	}
	v, err := backup.Verify(ctx, backup.VerifyOptions{Backup: kept, Scratch: scratch(o.CacheDir), CacheDir: o.CacheDir, Progress: internalProgress(o.Progress)})
	return VerifiedBackup{Backup: *b, Compared: v.Compared, Tables: v.Tables, Rows: v.Rows}, public(err)
}
