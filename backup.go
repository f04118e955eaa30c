package embeddedpg

import (
	"context"
	"errors"
	"time"

	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/listen"
)

// Backup describes a complete backup. Its fields are
//
//	ID       its name: NAME_full_YYYYMMDD_HHMMSS[_TAG], or NAME_base_... for a base backup; the time is UTC
//	Path     the file, or the directory of formats that have several files
//	Name     whose backup it is, the first part of ID; and Tag, the last part
//	Created  when it began; a dump shows the database as of then
//	Format   how it is kept
//	Database the database, of a dump
//	Version  the server's
//	Size     bytes
//	Files    the files with their sizes and SHA-256
//	Tables   what each table held: the number of rows, and the sum of their hashes
//
// Everything but Path is in the file ID.json beside it, together with the roles and the settings of the database, and thus
// with the hashes of passwords: the file is its owner's alone.
type Backup = backup.Backup

// BackupFormat is how a backup is kept.
type BackupFormat = backup.Format

// The formats: of dumps the first four, of base backups the others.
const (
	BackupCustom    = backup.Custom    // pg_dump's custom format: one file; the default
	BackupPlain     = backup.Plain     // SQL text
	BackupDirectory = backup.Directory // a file a table
	BackupTar       = backup.Tar       // those as one tar file
	BackupBaseTar   = backup.BaseTar   // pg_basebackup's tar files; the default of base backups
	BackupBasePlain = backup.BasePlain // a data directory
)

// BackupOptions describe a new backup. The zero value works.
type BackupOptions struct {
	Dir      string       // directory of backups, made with mode 0700; default .nself/backups in the home directory
	Name     string       // whose backup it is; default the database's name, or "cluster" for a base backup
	Tag      string       // a word of yours at the end of the ID; default none
	Database string       // of a dump; default Config.Database
	Format   BackupFormat // default BackupCustom or BackupBaseTar
	NoSums   bool         // do not count and add up the tables: quicker, and VerifyBackup can compare nothing

	// Progress is called as the backup goes on, from other goroutines, never twice at once. It must not block.
	Progress func(BackupProgress)
}

// BackupProgress tells where a backup, a verification or a restore is: its fields are Stage, Done of Total (bytes, or what the
// stage says; Total is 0 if it is not known), Bytes in the backup so far, and Item, what is being done.
type BackupProgress = backup.Progress

// BackupStage is a part of the work.
type BackupStage = backup.Stage

// The stages, in the order in which they may come. StageDump and StageSum run beside each other.
const (
	StagePrograms = backup.StageCompile // the client programs are compiled, once on a machine
	StageCheck    = backup.StageCheck   // files are compared with their checksums; bytes
	StageDump     = backup.StageDump    // pg_dump; bytes of the tables on the server
	StageSum      = backup.StageSum     // tables are counted and added up; tables
	StageCopy     = backup.StageCopy    // a base backup is made or unpacked; bytes
	StageRecover  = backup.StageRecover // the write-ahead log is replayed
	StageRestore  = backup.StageRestore // pg_restore or psql; bytes of the backup
	StageIndex    = backup.StageIndex   // pg_restore makes indexes and constraints; their number
	StageAnalyze  = backup.StageAnalyze // the planner's statistics are taken
	StageSwap     = backup.StageSwap    // the new database or data directory takes the place of the old one
	StageArchive  = backup.StageArchive // the log that was written during a base backup is archived
	StageFlush    = backup.StageFlush   // checksums of the files, and flushing to disk
)

// Backup dumps one database while the server goes on working. The dump shows one snapshot, and so do the numbers that
// VerifyBackup compares. It returns when the backup is on disk. If ctx ends, or anything fails, or the program is
// killed, there is nothing that Backups lists or that looks complete. It is safe to make several at once.
func (s *Server) Backup(ctx context.Context, o BackupOptions) (*Backup, error) {
	if o.Database == "" {
		o.Database = s.cfg.Database
	}
	return s.create(ctx, o, backup.Create)
}

// BaseBackup copies the whole cluster with pg_basebackup while the server goes on working, for RestoreBase. With
// Config.ArchiveDir it fails unless the log is archived there up to the end of the backup. Otherwise it is as Backup.
func (s *Server) BaseBackup(ctx context.Context, o BackupOptions) (*Backup, error) {
	return s.create(ctx, o, backup.CreateBase)
}

func (s *Server) create(ctx context.Context, o BackupOptions, f func(context.Context, backup.Target, backup.CreateOptions) (*Backup, error)) (*Backup, error) {
	t, closeDoor, err := s.door(ctx)
	if err != nil {
		return nil, err
	}
	defer closeDoor()
	return f(ctx, t, backup.CreateOptions{
		Dir: o.Dir, Name: o.Name, Tag: o.Tag, Database: o.Database, Format: o.Format, NoSums: o.NoSums, Archive: s.archiveDir(), Progress: o.Progress,
	})
}

// archiveDir is where the log must be archived to, "" where Config.Settings say otherwise.
func (s *Server) archiveDir() string {
	for _, name := range []string{"archive_mode", "archive_library", "archive_command", "basic_archive.archive_directory"} {
		if _, own := s.cfg.Settings[name]; own {
			return ""
		}
	}
	return s.cfg.ArchiveDir
}

// CheckArchive is an error if the server fails to archive its write-ahead log, or no longer archives it to the directory that
// Config.ArchiveDir names, because that was moved or removed: the server keeps the one that it opened in Start. A failure
// counts until the next segment is archived. It returns nil for a server that archives nothing.
func (s *Server) CheckArchive(ctx context.Context) error {
	t, closeDoor, err := s.door(ctx)
	if err != nil {
		return err
	}
	defer closeDoor()
	return backup.CheckArchive(ctx, t, s.archiveDir())
}

// Backups returns the backups in a directory, oldest first; only those of one name if name is not empty. An empty dir is
// .nself/backups in the home directory. A directory that does not exist holds none. Damaged backups are among them.
func Backups(ctx context.Context, dir, name string) ([]Backup, error) {
	return backup.List(ctx, dir, name)
}

// FindBackup returns the backup that id names: an ID in dir, or "latest" of those with the name (of all, if name is
// empty), or the path of a file or directory, which may be a dump that another program made with PostgreSQL's own.
// A damaged backup is an error, also as the latest one.
func FindBackup(ctx context.Context, dir, name, id string) (*Backup, error) {
	return backup.Find(ctx, dir, name, id)
}

// RestoreOptions say what Restore does with a dump.
type RestoreOptions struct {
	Database string               // that it becomes; default Config.Database, if the dump is of it. It is replaced if it exists
	Progress func(BackupProgress) // as in BackupOptions

	// Incomplete takes a plain dump of someone else's that does not end with pg_dump's closing line, or holds no
	// statement. Default: it is refused, because the rest of it may be missing.
	Incomplete bool

	// Discard drops the old database also where the new one holds nothing. Default: it is kept under another name; see Restored.
	Discard bool
}

// Restored says what Restore did. Its fields are
//
//	Replaced     whether there was a database of that name
//	Disconnected how many sessions in it were ended
//	Roles        the roles that were made because the dump needs them
//	Kept         the name under which the old database is still there, if it could not be dropped
type Restored = backup.Restored

// Restore makes a database of a dump, all or nothing. The dump is restored into a new database, which takes the name of the old
// one in one transaction. Until then clients go on working in the old database; then their sessions are ended, and what
// they wrote meanwhile goes with the old database. If ctx ends, or anything fails, the old database is as it was, and
// after a crash it is either that or the new one. Roles of the dump that the server lacks are made.
func (s *Server) Restore(ctx context.Context, b *Backup, o RestoreOptions) (Restored, error) {
	if o.Database == "" {
		o.Database = s.cfg.Database
		if err := b.CheckDatabase(o.Database); err != nil {
			return Restored{}, err
		}
	}
	t, closeDoor, err := s.door(ctx)
	if err != nil {
		return Restored{}, err
	}
	defer closeDoor()
	return backup.Restore(ctx, t, backup.RestoreOptions{
		Backup: b, Database: o.Database, Progress: o.Progress, Incomplete: o.Incomplete, Discard: o.Discard,
	})
}

// RestoreBaseOptions say which state of a cluster RestoreBase makes.
type RestoreBaseOptions struct {
	DataDir    string    // required; no server may be running on it
	ArchiveDir string    // what Config.ArchiveDir was; default none
	Time       time.Time // the last moment whose commits are there; default the moment at which the backup ended
	ToEnd      bool      // instead of Time: everything that the log holds
	Timeline   string    // which timeline to follow, as recovery_target_timeline; default "latest"
	CacheDir   string    // as in Config
	Progress   func(BackupProgress)

	// Incomplete takes a base backup of someone else's that has no backup_manifest. Default: it is refused, because nothing
	// tells whether all its files are there.
	Incomplete bool
}

// RestoredBase says what RestoreBase did: Kept is where the data directory is that was in the place before, or empty.
type RestoredBase = backup.Recovered

// RestoreBase makes a data directory of a base backup, recovers it up to the moment that is wanted, and puts it in its place in one
// step. A data directory that is there already is kept under another name beside it. Log that had not been archived
// is taken from there, if it is of the same cluster. If ctx ends, or anything fails, or the program is killed, the
// old data directory is as it was, or the new one is complete and in its place.
func RestoreBase(ctx context.Context, b *Backup, o RestoreBaseOptions) (RestoredBase, error) {
	return backup.Recover(ctx, backup.RecoverOptions{
		Backup: b, DataDir: o.DataDir, Archive: o.ArchiveDir, Time: o.Time, ToEnd: o.ToEnd, Timeline: o.Timeline,
		Scratch: scratch(o.CacheDir), CacheDir: o.CacheDir, Progress: o.Progress, Incomplete: o.Incomplete,
	})
}

// VerifyBackupOptions are the choices of VerifyBackup. The zero value works.
type VerifyBackupOptions struct {
	CacheDir string // as in Config
	Progress func(BackupProgress)
}

// VerifiedBackup says what a verified backup holds. Its fields are
//
//	Backup   the backup
//	Compared whether the tables were compared with what the database held when it was backed up
//	Tables   how many tables were read
//	Rows     how many rows they have
type VerifiedBackup = backup.Verified

// VerifyBackup proves a backup: it compares the files with their checksums and restores it into a temporary server. A dump's tables are counted
// and added up, and must be what the database held when it was backed up. A base backup passes pg_verifybackup and is
// recovered, and all its tables are read. It needs room for the restored data in the temporary directory.
func VerifyBackup(ctx context.Context, b *Backup, o VerifyBackupOptions) (VerifiedBackup, error) {
	return backup.Verify(ctx, backup.VerifyOptions{Backup: b, Scratch: scratch(o.CacheDir), CacheDir: o.CacheDir, Progress: o.Progress})
}

// PruneOptions say which backups PruneBackups keeps. Its fields are
//
//	Dir       the directory; default .nself/backups in the home directory
//	Name      whose backups; required
//	Keep      so many of the newest dumps, and of the newest base backups, stay
//	OlderThan only what is older goes
//	DryRun    tell what would go, and remove nothing
//	Archive   Config.ArchiveDir: the log that no base backup needs any more goes too
type PruneOptions = backup.PruneOptions

// Pruned says what PruneBackups removed: Backups, Partial (what interrupted backups left), Segments (of archived log).
type Pruned = backup.Pruned

// PruneBackups removes backups that the rules do not keep: none, without a rule; if both rules are given, what both let go. It also removes
// what interrupted backups of that name left.
func PruneBackups(ctx context.Context, o PruneOptions) (Pruned, error) { return backup.Prune(ctx, o) }

// door opens a socket for PostgreSQL's client programs that lets them in without a password, as Dial does. It is in a
// directory that only this user can enter.
func (s *Server) door(ctx context.Context) (backup.Target, func(), error) {
	fail := func(err error) (backup.Target, func(), error) { return backup.Target{}, nil, err }
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	s.mu.Lock()
	closing := s.mu.closing
	s.mu.Unlock()
	if closing {
		return fail(ErrClosed)
	}
	dir, err := tempSocketDir(defaultPort)
	if err != nil {
		return fail(err)
	}
	f, err := listen.Open(listen.Config{SocketDir: dir.Path(), SocketMode: 0o600, Port: defaultPort})
	if err != nil {
		return fail(errors.Join(err, dir.Remove()))
	}
	f.Serve(func(c kernel.Conn) error {
		c.Peer = kernel.InProcess()
		return s.push(c)
	})
	t := backup.Target{Host: dir.Path(), Port: defaultPort, User: s.cfg.Superuser, CacheDir: s.cfg.CacheDir}
	return t, func() { f.Close(); dir.Remove() }, nil
}

// scratch returns the function that starts servers for package backup.
func scratch(cacheDir string) backup.Scratch {
	return func(ctx context.Context, dir string, settings map[string]string) (backup.Target, func() error, error) {
		s, err := Start(ctx, Config{DataDir: dir, Settings: settings, CacheDir: cacheDir})
		if err != nil {
			return backup.Target{}, nil, err
		}
		t, closeDoor, err := s.door(ctx)
		if err != nil {
			s.Close()
			return t, nil, err
		}
		return t, func() error { closeDoor(); return s.Close() }, nil
	}
}
