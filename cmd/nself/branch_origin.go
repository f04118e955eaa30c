package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/branch"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/cluster"
)

// origin is what a branch is made of.
type origin struct {
	what string                                       // for people
	fill func(ctx context.Context, data string) error // makes the data directory, which does not exist yet
}

// origin finds what --from names: a branch, a moment, or a backup.
func (p *project) origin(cmd *cobra.Command, from string) (origin, error) {
	if from == "" {
		if p.lost != nil {
			return origin{}, p.lost
		}
		return p.fromBranch(p.branch), nil
	}
	if _, err := p.branches.Get(from); err == nil || from == branch.Main {
		return p.fromBranch(from), nil
	}
	if t, _, err := moment(from); err == nil && !t.IsZero() {
		return p.fromMoment(cmd, t)
	}
	b, err := (&backups{project: p}).find(cmd.Context(), from)
	if errors.Is(err, backup.ErrNoBackup) {
		if from == backup.Latest && p.isBranch() {
			return p.at(branch.Main).origin(cmd, from)
		}
		return origin{}, &embeddedpg.Error{
			Op: "use --from", Path: from, Err: errors.New("it is no branch, no moment and no backup"),
			Hint: "see nself branch list and nself backup list; a moment is written 2026-01-02T15:04:05Z",
		}
	}
	if err != nil {
		return origin{}, err
	}
	if b.Format.Physical() {
		return p.fromBase(cmd, b, time.Time{})
	}
	return p.fromDump(cmd, b)
}

// fromBranch copies the cluster of a branch, whether it runs or not.
func (p *project) fromBranch(name string) origin {
	return origin{name, func(ctx context.Context, data string) error {
		paths, err := p.at(name).paths()
		if err != nil {
			return err
		}
		s, err := supervisor.Find(ctx, paths)
		if err != nil {
			return err
		}
		switch s.Phase {
		case supervisor.Ready:
			return supervisor.Snapshot(ctx, s, data)
		case supervisor.Stopped, supervisor.Crashed:
		default:
			return &embeddedpg.Error{Op: "make a branch of", Path: name, Err: notRunning(s), Hint: "wait until it does or has stopped: nself health --wait 60s"}
		}
		if _, err := os.Stat(paths.Data()); errors.Is(err, fs.ErrNotExist) {
			return &embeddedpg.Error{Op: "make a branch of", Path: name, Err: errors.New("there is no database yet"), Hint: "start it once: nself start --embedded-pg --only postgres"}
		}
		c, err := cluster.Open(data)
		if err != nil {
			return err
		}
		return errors.Join(c.CopyFrom(ctx, paths.Data(), false), c.Close())
	}}
}

// fromMoment recovers the newest base backup from before a moment up to it.
func (p *project) fromMoment(cmd *cobra.Command, t time.Time) (origin, error) {
	main := &backups{project: p.at(branch.Main)}
	dir, name, err := main.place()
	if err != nil {
		return origin{}, err
	}
	all, err := backup.List(cmd.Context(), dir, name)
	if err != nil {
		return origin{}, err
	}
	for _, b := range slices.Backward(all) {
		if b.Format.Physical() && b.Damaged == nil && b.Created.Before(t) {
			return p.fromBase(cmd, &b, t)
		}
	}
	return origin{}, &embeddedpg.Error{
		Op: "make a branch of the moment", Path: t.Local().Format(time.DateTime), Err: fmt.Errorf("%s has no base backup from before it", dir),
		Hint: "set NSELF_WAL_ARCHIVE=true, start the database, and make one for moments to come: nself backup create --type base",
	}
}

// fromBase recovers a base backup, up to a moment if one is given.
func (p *project) fromBase(cmd *cobra.Command, b *backup.Backup, t time.Time) (origin, error) {
	what := "the backup " + b.ID
	if !t.IsZero() {
		what += " at " + t.Local().Format(time.DateTime)
	}
	main := p.at(branch.Main)
	archive, err := main.archiveDir()
	return origin{what, func(ctx context.Context, data string) error {
		own, err := public(ctx, b)
		if err != nil {
			return err
		}
		if !t.IsZero() {
			if err := main.archiveNow(ctx); err != nil {
				return err
			}
		}
		show := newBackupProgress(cmd.ErrOrStderr())
		defer show.end()
		_, err = embeddedpg.RestoreBase(ctx, own, embeddedpg.RestoreBaseOptions{DataDir: data, ArchiveDir: archive, Time: t, Progress: show.showPublic})
		return err
	}}, err
}

// archiveNow has what a running database has written so far archived, so that a moment in it can be reached.
func (p *project) archiveNow(ctx context.Context) error {
	db, err := p.reach(ctx)
	if err != nil {
		return nil // it does not run: what there is has been archived
	}
	c, err := db.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	var file string
	if err := c.QueryRow(ctx, "SELECT pg_walfile_name(pg_switch_wal())").Scan(&file); err != nil {
		return err
	}
	for range 100 { // 10 s; what is missing then, recovery tells
		var done bool
		if err := c.QueryRow(ctx, "SELECT coalesce(last_archived_wal >= $1, false) FROM pg_stat_archiver", file).Scan(&done); err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// fromDump restores a dump into a cluster of its own.
func (p *project) fromDump(cmd *cobra.Command, b *backup.Backup) (origin, error) {
	return origin{"the backup " + b.ID, func(ctx context.Context, data string) (err error) {
		r := &restoring{backups: &backups{project: p}, found: b, dataDir: data, cmd: cmd, out: cmd.ErrOrStderr(), err: cmd.ErrOrStderr()}
		return r.intoDataDir(ctx)
	}}, nil
}
