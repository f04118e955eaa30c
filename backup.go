package embeddedpg

import (
	"context"
	"errors"
	"time"

	"nself.org/embeddedpg/internal/backup"
)

// Backup describes a backup: a dump of one database by [Server.Backup], or a base backup of the whole cluster by
// [Server.BaseBackup]. The functions of this package take only one that they returned.
//
// Everything but Path and Damaged is in the file ID.json beside the backup, together with the roles and the settings of the
// database, and thus with the hashes of passwords: the file is its owner's alone.
type Backup struct {
	// ID is the backup's name: Name_full_YYYYMMDD_HHMMSS[_Tag] of a dump, Name_base_YYYYMMDD_HHMMSS[_Tag] of a base backup;
	// the time is UTC. Of a file that someone else made it is the file's name.
	ID string

	Path     string        // the file, or the directory of formats that have several files
	Name     string        // whose backup it is; see BackupOptions
	Tag      string        // the optional suffix of ID
	Created  time.Time     // when it began, UTC; a dump shows the database as of then
	Format   BackupFormat  // how it is kept
	Database string        // of a dump; empty for a base backup
	Version  string        // of the server, such as "18.6"
	Size     int64         // of all files, bytes
	Files    []BackupFile  // empty for a backup that someone else made
	Tables   []BackupTable // of a dump, unless BackupOptions.NoSums was set

	// Damaged says why the backup cannot be used: a file is missing or has another size, or its description cannot be read.
	// Then Size, Files and Tables may be empty. Checksums are compared by VerifyBackup and the restoring functions only.
	Damaged error

	kept *backup.Backup // with what is needed to restore it
}

// BackupFile is one file of a [Backup].
type BackupFile struct {
	Name   string // within Backup.Path; empty if that is the file
	Size   int64  // bytes
	SHA256 string // hexadecimal
}

// BackupTable is what a table held in the snapshot of a dump. Large objects are a table without a schema.
type BackupTable struct {
	Schema, Name string
	Rows         int64
	Sum          string // of a hash of each row, decimal
}

// BackupFormat is how a [Backup] is kept.
type BackupFormat string

// The formats: of dumps the first four, of base backups the others.
const (
	BackupCustom    = BackupFormat(backup.Custom)    // "custom": pg_dump's own format, one file; the default of dumps
	BackupPlain     = BackupFormat(backup.Plain)     // "plain": SQL text
	BackupDirectory = BackupFormat(backup.Directory) // "directory": a file for each table
	BackupTar       = BackupFormat(backup.Tar)       // "tar": those as one tar file
	BackupBaseTar   = BackupFormat(backup.BaseTar)   // "base-tar": pg_basebackup's tar files; the default of base backups
	BackupBasePlain = BackupFormat(backup.BasePlain) // "base": a data directory
)

// Physical reports whether it is a format of base backups.
func (f BackupFormat) Physical() bool { return backup.Format(f).Physical() }

// Reasons for which a backup is not used, for errors.Is.
var (
	ErrNoBackup         = backup.ErrNoBackup      // no backup has that ID, or there is none at all
	ErrBackupDamaged    = backup.ErrDamaged       // a file of it is missing or has changed
	ErrBackupIncomplete = backup.ErrIncomplete    // a file that someone else made may be half of a dump; see RestoreOptions.Incomplete
	ErrOtherDatabase    = backup.ErrOtherDatabase // it is a dump of another database than the one to replace
	ErrNotArchived      = backup.ErrArchive       // the write-ahead log does not get into Config.ArchiveDir
)

// BackupOptions describe a new [Backup]. The zero value works.
type BackupOptions struct {
	Dir      string       // directory of backups, made with mode 0700; default .nself/backups in the home directory
	Name     string       // whose backup it is, as the first part of the ID; default the database's name, or "cluster" for a base backup
	Tag      string       // optional suffix of the ID; default none
	Database string       // which to dump; default Config.Database; a base backup has them all
	Format   BackupFormat // default BackupCustom for a dump, BackupBaseTar for a base backup
	NoSums   bool         // do not count and add up the tables: quicker, and VerifyBackup can compare nothing; default: it is done

	// Progress is called while the backup is made, from other goroutines, never twice at once. It must not block.
	// Default: none.
	Progress func(BackupProgress)
}

// BackupProgress tells where a backup, a verification or a restore is.
type BackupProgress struct {
	Stage BackupStage
	Done  int64  // bytes of the stage that are done, or what the stage says
	Total int64  // of them; 0 if that is not known
	Bytes int64  // in the backup so far, while one is made
	Item  string // what is being done, such as a table's name; may be empty
}

// BackupStage is a part of the making, verifying or restoring of a [Backup].
type BackupStage string

// The stages, in the order in which they may come, with what BackupProgress counts. BackupStageDump and BackupStageSum run
// beside each other.
const (
	BackupStageCompile = BackupStage(backup.StageCompile) // the client programs are compiled, once on a machine
	BackupStageCheck   = BackupStage(backup.StageCheck)   // files are compared with their checksums; bytes
	BackupStageDump    = BackupStage(backup.StageDump)    // pg_dump; bytes of the tables on the server
	BackupStageSum     = BackupStage(backup.StageSum)     // tables are counted and added up; tables
	BackupStageCopy    = BackupStage(backup.StageCopy)    // a base backup is made or unpacked; bytes
	BackupStageRecover = BackupStage(backup.StageRecover) // the write-ahead log is replayed
	BackupStageRestore = BackupStage(backup.StageRestore) // pg_restore or psql; bytes of the backup
	BackupStageIndex   = BackupStage(backup.StageIndex)   // pg_restore makes indexes and constraints; their number
	BackupStageAnalyze = BackupStage(backup.StageAnalyze) // the planner's statistics are taken
	BackupStageSwap    = BackupStage(backup.StageSwap)    // the new database or data directory takes the place of the old one
	BackupStageArchive = BackupStage(backup.StageArchive) // the log that was written during a base backup is archived
	BackupStageFlush   = BackupStage(backup.StageFlush)   // checksums of the files, and flushing to disk
)

// Backup dumps one database, which stays in use. The dump shows one snapshot, and so do the numbers that
// [VerifyBackup] compares. It returns when the backup is on disk. If ctx ends, or anything fails, or the program is
// killed, there is nothing that [Backups] lists or that looks complete. It is safe to make several at once. Reasons that a
// person can put right are an *Error; what PostgreSQL or pg_dump say is in the error's text.
func (s *Server) Backup(ctx context.Context, o BackupOptions) (*Backup, error) {
	if o.Database == "" {
		o.Database = s.cfg.Database
	}
	return s.create(ctx, o, backup.Create)
}

// BaseBackup copies the whole cluster with pg_basebackup, for [RestoreBase]; it stays in use. With
// Config.ArchiveDir it fails ([ErrNotArchived]) unless the log is archived there up to the end of the backup. Otherwise it is as
// [Server.Backup].
func (s *Server) BaseBackup(ctx context.Context, o BackupOptions) (*Backup, error) {
	return s.create(ctx, o, backup.CreateBase)
}

func (s *Server) create(ctx context.Context, o BackupOptions, f func(context.Context, backup.Target, backup.CreateOptions) (*backup.Backup, error)) (*Backup, error) {
	t, closeDoor, err := s.door(ctx)
	if err != nil {
		return nil, err
	}
	defer closeDoor()
	return publicBackup(f(ctx, t, backup.CreateOptions{
		Dir: o.Dir, Name: o.Name, Tag: o.Tag, Database: o.Database, Format: backup.Format(o.Format), NoSums: o.NoSums,
		Archive: s.archiveDir(), Progress: internalProgress(o.Progress),
	}))
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

// CheckArchive is an error ([ErrNotArchived]) if the server fails to archive its write-ahead log, or no longer archives it to the
// directory that Config.ArchiveDir names, because that was moved or removed: the server keeps the one that it opened in
// Start. A failure counts until the next segment is archived. It returns nil for a server that archives nothing.
func (s *Server) CheckArchive(ctx context.Context) error {
	t, closeDoor, err := s.door(ctx)
	if err != nil {
		return err
	}
	defer closeDoor()
	return public(backup.CheckArchive(ctx, t, s.archiveDir()))
}

// Backups returns the backups in a directory, oldest first; only those of one name if name is not empty. An empty dir is
// .nself/backups in the home directory. A directory that does not exist holds none; one that cannot be read is an *Error. Damaged backups
// are among them.
func Backups(ctx context.Context, dir, name string) ([]Backup, error) {
	found, err := backup.List(ctx, dir, name)
	var all []Backup
	for i := range found {
		all = append(all, *newBackup(&found[i]))
	}
	return all, public(err)
}

// FindBackup returns the backup that id names: an ID in dir, or "latest" of those with the name (of all, if name is
// empty), or the path of a file or directory, which may be a dump that another program made with PostgreSQL's own. Where there is
// none the error is [ErrNoBackup]. A damaged backup is an error ([ErrBackupDamaged]), also as the latest one.
func FindBackup(ctx context.Context, dir, name, id string) (*Backup, error) {
	return publicBackup(backup.Find(ctx, dir, name, id))
}

// newBackup shows what a user needs to know of a backup.
func newBackup(b *backup.Backup) *Backup {
	own := &Backup{
		ID: b.ID, Path: b.Path, Name: b.Name, Tag: b.Tag, Created: b.Created, Format: BackupFormat(b.Format), Database: b.Database,
		Version: b.Version, Size: b.Size, Damaged: b.Damaged, kept: b,
	}
	for _, f := range b.Files {
		own.Files = append(own.Files, BackupFile(f))
	}
	for _, t := range b.Tables {
		own.Tables = append(own.Tables, BackupTable(t))
	}
	return own
}

func publicBackup(b *backup.Backup, err error) (*Backup, error) {
	if err != nil {
		return nil, public(err)
	}
	return newBackup(b), nil
}

// known returns the backup as package backup knows it.
func (b *Backup) known() (*backup.Backup, error) {
	if b == nil || b.kept == nil {
		return nil, &Error{Op: "use a backup", Err: errors.New("it does not come from this package"), Hint: "get it from Backups or FindBackup"}
	}
	return b.kept, nil
}

// internalProgress is a user's callback for package backup.
func internalProgress(f func(BackupProgress)) func(backup.Progress) {
	if f == nil {
		return nil
	}
	return func(p backup.Progress) {
		f(BackupProgress{Stage: BackupStage(p.Stage), Done: p.Done, Total: p.Total, Bytes: p.Bytes, Item: p.Item})
	}
}
