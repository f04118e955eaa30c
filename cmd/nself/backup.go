package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/fault"
)

// backups is what the backup commands share.
type backups struct {
	*project
	dir  string // --dir, else BACKUP_DIR, else the default
	name string // --name, else PROJECT_NAME, else the directory's
}

func newBackup(p *project) *cobra.Command {
	b := &backups{project: p}
	c := &cobra.Command{
		Use:   "backup",
		Short: "Make, list, verify, restore and prune backups of the database",
		Long: `Make, list, verify, restore and prune backups of the database.

They are in ~/.nself/backups, or in the directory that --dir or BACKUP_DIR names, readable by this
user alone. A backup is called <project>_full_<date>_<time>[_<tag>], with the time in UTC. Beside
it, a file of JSON describes it; the hashes of the roles' passwords are in there.`,
		Example: `  nself backup create --tag before-upgrade
  nself backup verify latest
  nself backup restore latest`,
	}
	c.PersistentFlags().StringVar(&b.dir, "dir", "", "directory of the backups")
	c.PersistentFlags().StringVar(&b.name, "name", "", "the project whose backups are meant; default: this one")
	c.AddCommand(b.newCreate(), b.newList(), b.newVerify(), b.newRestore(), b.newPrune(), b.newPush(), b.newPull())
	return c
}

// place returns the directory and the name.
func (b *backups) place() (dir, name string, err error) {
	dir = cmp.Or(b.dir, b.Get("BACKUP_DIR"))
	if dir == "" {
		if dir, err = backup.DefaultDir(); err != nil {
			return "", "", err
		}
	}
	dir, err = filepath.Abs(dir)
	return dir, cmp.Or(b.name, b.project.backupName()), err
}

// backupName is the project's name as part of a file's name, and a dot and the branch's, so that backups of a branch are not
// taken for the main database's.
func (p *project) backupName() string {
	full := p.Name
	if p.isBranch() {
		full += "." + p.branch
	}
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		}
		return '-'
	}, full)
	return cmp.Or(strings.TrimLeft(name, ".-_"), "project")
}

// archiveDir is the directory of archived write-ahead log, "" if nothing is archived. NSELF_WAL_ARCHIVE is a directory, or true
// for one beside the backups.
func (p *project) archiveDir() (string, error) {
	if p.isBranch() { // its log would overwrite the original's
		return "", nil
	}
	v := p.Get("NSELF_WAL_ARCHIVE")
	on, err := strconv.ParseBool(cmp.Or(v, "false"))
	switch {
	case err != nil:
		return filepath.Abs(v)
	case !on:
		return "", nil
	}
	dir, name, err := (&backups{project: p}).place()
	return filepath.Join(dir, name+"_wal"), err
}

// find returns the backup that an argument names.
func (b *backups) find(ctx context.Context, which string) (*backup.Backup, error) {
	dir, name, err := b.place()
	if err != nil {
		return nil, err
	}
	found, err := backup.Find(ctx, dir, name, which)
	var e *fault.Error
	if errors.Is(err, backup.ErrNoBackup) && errors.As(err, &e) {
		e.Hint = "nself backup list shows those that are there"
		if which == backup.Latest {
			e.Hint = "make one: nself backup create"
		}
	}
	return found, err
}

// public is the same backup for package embeddedpg.
func public(ctx context.Context, b *backup.Backup) (*embeddedpg.Backup, error) {
	return embeddedpg.FindBackup(ctx, filepath.Dir(b.Path), "", b.Path)
}

// target is the project's running database.
func (b *backups) target(ctx context.Context) (backup.Target, database, error) {
	db, err := b.reach(ctx)
	return db.target(), db, err
}

func (b *backups) newCreate() *cobra.Command {
	var kind, format, tag, database string
	var noSums bool
	c := &cobra.Command{
		Use:   "create",
		Short: "Make a backup of the running database",
		Long: `Make a backup of the running database, which stays in use. The type full is a dump of one database
by pg_dump; the numbers of rows and checksums of its tables, taken in the same snapshot, are kept
with it for nself backup verify. The type base is a copy of the whole cluster by pg_basebackup; with
NSELF_WAL_ARCHIVE=true when the database was started, it can be restored to any moment since.`,
		Example: `  nself backup create
  nself backup create --tag before-upgrade --format plain
  nself backup create --type base`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			make := backup.Create
			if kind == "base" {
				make = backup.CreateBase
				switch format {
				case "", "tar":
					format = string(backup.BaseTar)
				case "plain":
					format = string(backup.BasePlain)
				default:
					return &embeddedpg.Error{Op: "use --format", Path: format, Err: errors.New("a base backup has no such format"), Hint: "use tar or plain"}
				}
			}
			dir, name, err := b.place()
			if err != nil {
				return err
			}
			t, db, err := b.target(cmd.Context())
			if err != nil {
				return err
			}
			archive, err := b.archiveDir()
			if err != nil {
				return err
			}
			begin := time.Now()
			show := newBackupProgress(cmd.ErrOrStderr())
			made, err := make(cmd.Context(), t, backup.CreateOptions{
				Dir: dir, Name: name, Tag: tag, Database: cmp.Or(database, db.name), Format: backup.Format(format), NoSums: noSums, Archive: archive, Progress: show.show,
			})
			show.end()
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Backup %s is complete (%s, %s).\n  %s\n", made.ID, size(made.Size), time.Since(begin).Round(time.Millisecond), made.Path)
			return nil
		},
	}
	choiceFlag(c, &kind, "type", "full", "full: a dump of one database; base: a copy of the cluster", "full", "base")
	choiceFlag(c, &format, "format", "", "custom (default), plain, directory or tar; of a base backup tar (default) or plain", "custom", "plain", "directory", "tar")
	c.Flags().StringVar(&tag, "tag", "", "an optional suffix of the backup's ID")
	c.Flags().StringVar(&database, "database", "", "the database; default: the project's")
	c.Flags().BoolVar(&noSums, "no-sums", false, "do not compute the tables' checksums: quicker, but verify has nothing to compare")
	return c
}
