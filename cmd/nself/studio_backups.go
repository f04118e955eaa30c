package main

import (
	"context"
	"errors"
	"fmt"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/studio"
	"nself.org/embeddedpg/internal/backup"
)

// studioBackups are the project's backups, for the page.
type studioBackups struct{ *backups }

// List implements studio.Backups.
func (s studioBackups) List(ctx context.Context) ([]studio.Backup, error) {
	dir, name, err := s.place()
	if err != nil {
		return nil, err
	}
	found, err := backup.List(ctx, dir, name)
	var list []studio.Backup
	for _, b := range found {
		list = append(list, studio.Backup{ID: b.ID, Created: b.Created, Format: string(b.Format), Database: b.Database, Size: b.Size, Damaged: damage(b)})
	}
	return list, err
}

// Create implements studio.Backups.
func (s studioBackups) Create(ctx context.Context, database string, progress func(string)) (string, error) {
	dir, name, err := s.place()
	if err != nil {
		return "", err
	}
	t, _, err := s.target(ctx)
	if err != nil {
		return "", err
	}
	made, err := backup.Create(ctx, t, backup.CreateOptions{Dir: dir, Name: name, Database: database, Progress: stages(progress)})
	if err != nil {
		return "", err
	}
	return made.ID + ", " + size(made.Size), nil
}

// Verify implements studio.Backups.
func (s studioBackups) Verify(ctx context.Context, id string, progress func(string)) (string, error) {
	found, err := s.find(ctx, id)
	if err != nil {
		return "", err
	}
	own, err := public(ctx, found)
	if err != nil {
		return "", err
	}
	show := stages(progress)
	v, err := embeddedpg.VerifyBackup(ctx, own, embeddedpg.VerifyBackupOptions{Progress: func(e embeddedpg.BackupProgress) { show(backup.Progress{Stage: backup.Stage(e.Stage)}) }})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("it is good: %s, %s", plural(v.Tables, "table"), plural(int(v.Rows), "row")), nil
}

// Restore implements studio.Backups.
func (s studioBackups) Restore(ctx context.Context, id, database string, progress func(string)) (string, error) {
	found, err := s.find(ctx, id)
	if err != nil {
		return "", err
	}
	if found.Format.Physical() {
		return "", &embeddedpg.Error{Op: "restore", Path: id, Err: errors.New("a base backup holds all databases"), Hint: "nself backup restore " + id + " --data-dir DIR makes a data directory of it"}
	}
	t, _, err := s.target(ctx)
	if err != nil {
		return "", err
	}
	present, err := backup.Look(ctx, t, database)
	if err == nil && present.Exists {
		err = &embeddedpg.Error{Op: "restore into", Path: database, Err: errors.New("there is such a database"), Hint: "give it another name; nself backup restore replaces one"}
	}
	if err != nil {
		return "", err
	}
	done, err := backup.Restore(ctx, t, backup.RestoreOptions{Backup: found, Database: database, Progress: stages(progress)})
	if err != nil {
		return "", restoreHint(err)
	}
	return measured(done.After), nil
}

// stages tells of the stages of a backup, a check or a restore in the command's words.
func stages(tell func(string)) func(backup.Progress) {
	return func(p backup.Progress) {
		if text := backupStages[p.Stage]; text != "" {
			tell(text)
		}
	}
}
