package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/fault"
)

// restoring is one run of nself backup restore.
type restoring struct {
	*backups
	found    *backup.Backup
	database string
	dataDir  string
	toTime   string
	archive  string
	timeline string
	args     []string // for pg_restore or psql
	yes      bool
	replace  bool // --overwrite
	partly   bool // --incomplete
	discard  bool // --discard-old
	mapped   bool // --map-locales
	cmd      *cobra.Command
	out, err io.Writer
}

func (b *backups) newRestore() *cobra.Command {
	r := &restoring{backups: b}
	c := &cobra.Command{
		Use:   "restore ID|latest|FILE [-- arguments of pg_restore or psql]",
		Short: "Restore a backup or a dump, all or nothing",
		Long: `Restore a backup, or a dump made by db dump, by pg_dump or elsewhere, in any of pg_dump's formats:
all of it, or nothing if something in it fails. It asks before it replaces a database that is not
empty.

A dump goes into the running database. It is restored into a new one beside it, which then takes its
name in one step. Clients work on until then; then they are disconnected, and what they wrote
meanwhile goes with the old database. A backup brings the roles that it needs and the database's own
settings and privileges; any other dump keeps the old database's.

A base backup replaces the whole cluster: the database is stopped, the new data directory is
recovered beside the old one, takes its place in one step, and is started. The old one is kept.
--to-time brings it to a moment, if the log was archived (NSELF_WAL_ARCHIVE=true).

With --data-dir, either goes into a data directory of its own, and the project's database is not
touched.`,
		Example: `  nself backup restore latest
  nself backup restore app_full_20260102_030405 --database app_copy
  nself backup restore app_base_20260102_030405 --to-time '2026-01-02T12:00:00Z'
  nself backup restore app.dump -- --no-owner --no-privileges   # if its roles are not here`,
		ValidArgsFunction: b.completeIDs,
		RunE: func(cmd *cobra.Command, args []string) error {
			which, rest, err := fileAndRest(cmd, args)
			if err == nil && which == "" {
				err = &embeddedpg.Error{Op: verb(cmd), Err: errors.New("which backup?"), Hint: cmd.CommandPath() + " latest, or an ID of nself backup list, or a file"}
			}
			if err != nil {
				return err
			}
			if r.found, err = b.find(cmd.Context(), which); err != nil {
				return err
			}
			r.args, r.yes = rest, r.yes || r.replace
			r.cmd, r.out, r.err = cmd, cmd.OutOrStdout(), cmd.ErrOrStderr()
			return r.run(cmd.Context())
		},
	}
	c.Flags().BoolVarP(&r.yes, "yes", "y", false, "do not ask")
	c.Flags().BoolVar(&r.replace, "overwrite", false, "the same as --yes")
	c.Flags().BoolVar(&r.partly, "incomplete", false, "take a file that does not look like all of a dump: a script of your own, or part of a dump")
	c.Flags().BoolVar(&r.mapped, "map-locales", false, "of a dump: sort by ICU where it names locales of a C library, by en-US for en_US.UTF-8")
	c.Flags().BoolVar(&r.discard, "discard-old", false, "drop the old database also where the new one holds nothing")
	c.Flags().StringVar(&r.database, "database", "", "the database that a dump becomes; default: the project's")
	c.Flags().StringVar(&r.dataDir, "data-dir", "", "a data directory other than the project's")
	c.Flags().StringVar(&r.toTime, "to-time", "", "a base backup: the moment (2026-01-02T15:04:05Z, or local time without a zone), or end for all that was archived")
	c.Flags().StringVar(&r.archive, "archive", "", "a base backup: directory of archived log; default: the project's")
	c.Flags().StringVar(&r.timeline, "timeline", "", "a base backup: the timeline to follow; default: latest")
	return c
}

func (r *restoring) run(ctx context.Context) error {
	physical := r.found.Format.Physical()
	if !physical && (r.toTime != "" || r.archive != "" || r.timeline != "") {
		return &embeddedpg.Error{Op: "restore", Path: r.found.ID, Err: errors.New("a dump holds one moment"), Hint: "--to-time, --archive and --timeline are for base backups: nself backup create --type base"}
	}
	if physical && r.database != "" {
		return &embeddedpg.Error{Op: "restore", Path: r.found.ID, Err: errors.New("a base backup holds all databases"), Hint: "leave --database out"}
	}
	if physical && len(r.args) > 0 {
		return &embeddedpg.Error{Op: "restore", Path: r.found.ID, Err: errors.New("a base backup is not restored by pg_restore"), Hint: "leave -- and what follows it out"}
	}
	if physical {
		return r.base(ctx)
	}
	if r.dataDir != "" {
		return r.intoDataDir(ctx)
	}
	t, db, err := r.target(ctx)
	if err != nil {
		return err
	}
	database, err := r.into(db.name)
	if err != nil {
		return err
	}
	present, err := backup.Look(ctx, t, database)
	if err != nil {
		return err
	}
	if present.Used && !r.yes {
		holds, err := r.found.Measure(ctx, "")
		if err != nil {
			return err
		}
		what := fmt.Sprintf("the database %s (%s) will be replaced by %s (%s), and its clients disconnected", database, measured(present.Measure), r.found.ID, measured(holds))
		if err := confirm(r.cmd, r.yes, what); err != nil {
			return err
		}
	}
	show := newBackupProgress(r.err)
	done, err := backup.Restore(ctx, t, backup.RestoreOptions{
		Backup: r.found, Database: database, Args: r.args, Progress: show.show, Incomplete: r.partly, Discard: r.discard, MapLocales: r.mapped,
	})
	show.end()
	if err != nil {
		return restoreHint(err)
	}
	r.tell(database, done)
	return nil
}

// into returns the database that a dump becomes: the one that was named, else the project's if the dump is of it.
func (r *restoring) into(project string) (string, error) {
	if r.database != "" {
		return r.database, nil
	}
	err := r.found.CheckDatabase(project)
	var e *fault.Error
	if errors.As(err, &e) {
		e.Hint = "say which it becomes: --database " + project + ", or --database " + r.found.Database
	}
	return project, err
}

// restoreHint adds what the command offers to an error of package backup.
func restoreHint(err error) error {
	var e *fault.Error
	switch {
	case !errors.As(err, &e):
	case errors.Is(err, backup.ErrIncomplete):
		e.Hint = "make the dump again; or, if this file is all that is meant, add --incomplete. Nothing was changed"
	case backup.LacksLocale(err):
		e.Hint = "the database is as it was; add --map-locales, and it sorts by ICU: en-US for en_US.UTF-8"
	case backup.LacksRole(err):
		e.Hint = "the database is as it was; roles that are not here: make them, or leave them out: nself db restore FILE -- --no-owner --no-privileges"
	}
	return err
}

// measured is what a database or a backup holds, for people.
func measured(m backup.Measure) string {
	parts := []string{plural(m.Tables, "table")}
	switch {
	case m.Rows < 0:
	case m.Estimate:
		parts = append(parts, "about "+plural(int(m.Rows), "row"))
	default:
		parts = append(parts, plural(int(m.Rows), "row"))
	}
	return strings.Join(append(parts, size(m.Bytes)), ", ")
}

// tellKept tells of an old database that is still there.
func tellKept(w io.Writer, done backup.Restored) {
	if done.Kept != "" {
		fmt.Fprintf(w, "  The old database is still there as %[1]q. To drop it: nself psql -c 'DROP DATABASE \"%[1]s\"'\n", done.Kept)
	}
}

func (r *restoring) tell(database string, done backup.Restored) {
	fmt.Fprintf(r.out, "Restored %s into the database %s: %s.\n", r.found.ID, database, measured(done.After))
	if done.Replaced {
		fmt.Fprintf(r.out, "  Before: %s\n", measured(done.Before))
	}
	if done.Disconnected > 0 {
		fmt.Fprintf(r.out, "  Disconnected: %s\n", plural(done.Disconnected, "client"))
	}
	if len(done.Roles) > 0 {
		fmt.Fprintf(r.out, "  Roles that were made: %s\n", strings.Join(done.Roles, ", "))
	}
	tellKept(r.out, done)
}

// intoDataDir restores a dump into a cluster that is started for it.
func (r *restoring) intoDataDir(ctx context.Context) (err error) {
	o, err := r.options()
	if err != nil {
		return err
	}
	database, err := r.into(cmp.Or(o.Database, "postgres"))
	if err != nil {
		return err
	}
	if len(r.args) > 0 {
		return &embeddedpg.Error{Op: "restore", Path: r.dataDir, Err: errors.New("arguments of pg_restore go with the running database alone"), Hint: "start nself on that directory first, or leave -- and what follows it out"}
	}
	if notEmpty(r.dataDir) {
		if err := confirm(r.cmd, r.yes, fmt.Sprintf("the database %q of the cluster in %s will be replaced by %s", database, r.dataDir, r.found.ID)); err != nil {
			return err
		}
	}
	server, err := embeddedpg.Start(ctx, embeddedpg.Config{DataDir: r.dataDir, Superuser: o.User, Password: o.Password})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	own, err := public(ctx, r.found)
	if err != nil {
		return err
	}
	show := newBackupProgress(r.err)
	done, err := server.Restore(ctx, own, embeddedpg.RestoreOptions{Database: database, Progress: show.showPublic, Incomplete: r.partly, Discard: r.discard, MapLocales: r.mapped})
	show.end()
	if err != nil {
		return restoreHint(err)
	}
	r.tell(database, backup.Restored{
		Replaced: done.Replaced, Disconnected: done.Disconnected, Roles: done.Roles, Kept: done.Kept,
		Before: backup.Measure(done.Before), After: backup.Measure(done.After),
	})
	return nil
}

// base restores a base backup: for the project's data directory the database is stopped before, and started after.
func (r *restoring) base(ctx context.Context) error {
	o := embeddedpg.RestoreBaseOptions{DataDir: r.dataDir, ArchiveDir: r.archive, Timeline: r.timeline, Incomplete: r.partly}
	own, err := public(ctx, r.found)
	if err != nil {
		return err
	}
	if o.Time, o.ToEnd, err = moment(r.toTime); err != nil {
		return err
	}
	if o.ArchiveDir == "" {
		if o.ArchiveDir, err = r.archiveDir(); err != nil {
			return err
		}
	}
	again, was := false, supervisor.State{}
	if o.DataDir == "" {
		if err := r.settle(ctx, r.err); err != nil {
			return err
		}
		paths, err := supervisor.NewPaths(r.Runtime, true)
		if err != nil {
			return err
		}
		o.DataDir = paths.Data()
		if was, err = supervisor.Find(ctx, paths); err != nil {
			return err
		}
		again = was.Phase == supervisor.Ready
		if notEmpty(o.DataDir) {
			if err := confirm(r.cmd, r.yes, fmt.Sprintf("all databases of the project will be replaced by %s%s (the old data directory is kept)", r.found.ID, at(r.toTime))); err != nil {
				return err
			}
		}
		if again {
			fmt.Fprintln(r.err, "Stopping the database ...")
			if _, err := supervisor.Stop(ctx, paths, supervisor.StopTime); err != nil && !unclean(err) {
				return err
			}
		}
	} else if notEmpty(o.DataDir) {
		if err := confirm(r.cmd, r.yes, fmt.Sprintf("the cluster in %s will be replaced by %s%s (it is kept under another name)", o.DataDir, r.found.ID, at(r.toTime))); err != nil {
			return err
		}
	}
	show := newBackupProgress(r.err)
	o.Progress = show.showPublic
	done, err := embeddedpg.RestoreBase(ctx, own, o)
	show.end()
	if errors.Is(err, context.Canceled) { // which it looks at before it replaces anything, and not later
		err = &embeddedpg.Error{Op: "restore", Path: r.found.ID, Err: err, Hint: "the cluster is as it was"}
	}
	if err == nil {
		fmt.Fprintf(r.out, "%s is restored into %s.\n", r.found.ID, o.DataDir)
		if done.Kept != "" {
			fmt.Fprintf(r.out, "  The former data directory is %s; remove it when you do not need it any more.\n", done.Kept)
		}
	}
	if again { // also the old one, if it was not replaced
		options, oerr := r.options()
		options.Shared, options.Listen = was.Shared, was.Listen // as its clients know it
		if oerr == nil {
			_, _, oerr = startBackground(context.WithoutCancel(ctx), options, maxTimeout*time.Second, r.out, r.err, nil)
		}
		err = errors.Join(err, oerr)
	}
	return err
}

func at(moment string) string {
	if moment == "" {
		return ""
	}
	return " at " + moment
}

// notEmpty reports whether there is something in a directory.
func notEmpty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) > 0
}

// moment reads --to-time.
func moment(s string) (t time.Time, end bool, err error) {
	switch s {
	case "":
		return t, false, nil
	case "end":
		return t, true, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07"} {
		if t, err = time.Parse(layout, s); err == nil {
			return t, false, nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04"} {
		if t, err = time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, false, nil
		}
	}
	return t, false, &embeddedpg.Error{Op: "use --to-time", Path: s, Err: errors.New("it is not a moment"), Hint: "write 2026-01-02T15:04:05Z, or '2026-01-02 15:04:05' for local time"}
}
