package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"nself.org/embeddedpg/internal/fault"
)

// RestoreOptions say what a logical backup becomes.
type RestoreOptions struct {
	Backup   *Backup // from Find
	Database string  // that it becomes; if it exists it is replaced
	Progress func(Progress)
}

// Restored is what Restore did.
type Restored struct {
	Replaced     bool     // there was a database of that name
	Disconnected int      // sessions that the swap ended
	Roles        []string // that were made
	Kept         string   // name under which the old database is still there, because it could not be dropped
}

// Restore restores a logical backup into a database, all or nothing: it is restored into a new one, which then takes the
// name of the old one in one transaction, and the old one is dropped. Until then clients go on working in the old
// one; the swap ends their sessions, and what they wrote meanwhile goes with the old one. Roles that the
// backup names and that do not exist are made; the others are not touched. If ctx ends, or anything
// fails, the old database is as it was; so it is after a crash, or the new one is in its place. What a crash leaves behind
// besides, the next Restore of the same database removes.
func Restore(ctx context.Context, t Target, o RestoreOptions) (Restored, error) {
	var done Restored
	b := o.Backup
	if b.Format.Physical() {
		return done, &fault.Error{Op: "restore", Path: b.ID, Err: errors.New("it is a base backup: it holds a whole cluster, not a database"), Hint: "restore it into a data directory"}
	}
	progress := oneAtATime(o.Progress)
	if err := b.checkFiles(func(d, total int64) { progress(Progress{Stage: StageCheck, Done: d, Total: total}) }); err != nil {
		return done, err
	}
	r := &restore{t: t, b: b, target: o.Database, progress: progress, done: &done}
	r.next, r.old = r.name("new"), r.name("old")
	if err := r.connect(ctx); err != nil {
		return done, err
	}
	defer r.s.close()
	if err := r.clear(ctx); err != nil {
		return done, err
	}
	if err := r.load(ctx); err != nil {
		r.undo()
		return done, fmt.Errorf("restore %s: %w", b.ID, err)
	}
	if err := r.swap(ctx); err != nil {
		r.undo()
		return done, fmt.Errorf("put the restored database in the place of %s: %w", o.Database, err)
	}
	return done, nil
}

// restore is one run of Restore.
type restore struct {
	t         Target
	b         *Backup
	target    string
	next, old string // names of the new database, and of the old one after the swap
	s         *session
	progress  func(Progress)
	done      *Restored
}

// name is a database's name that no other target has.
func (r *restore) name(what string) string {
	sum := sha256.Sum256([]byte(r.target))
	return "nself_restore_" + what + "_" + hex.EncodeToString(sum[:8])
}

// maintenance is a database to be connected to while the target is renamed.
func (r *restore) maintenance() string {
	if r.target == "postgres" {
		return "template1"
	}
	return "postgres"
}

// connect opens the session that makes and renames databases, and holds a lock against another restore of the target.
func (r *restore) connect(ctx context.Context) (err error) {
	if r.s, err = r.t.connect(ctx, r.maintenance()); err != nil {
		return err
	}
	err = r.s.exec(ctx, "SET statement_timeout = 0", "SET lock_timeout = 0")
	if err == nil {
		var got string
		got, err = r.s.one(ctx, "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended($1::text, 0))", r.next)
		if err == nil && got != "t" {
			err = &fault.Error{Op: "restore", Path: r.target, Err: errors.New("another restore of this database is running"), Hint: "wait until it has ended"}
		}
	}
	if err != nil {
		r.s.close()
	}
	return err
}

func (r *restore) exists(ctx context.Context, name string) (bool, error) {
	found, err := r.s.one(ctx, "SELECT count(*) FROM pg_catalog.pg_database WHERE datname = $1::name", name)
	return found == "1", err
}

// clear removes what an earlier restore of the target left when it was killed. An old database is only there if the
// new one took its place.
func (r *restore) clear(ctx context.Context) error {
	for _, name := range []string{r.next, r.old} {
		if err := r.s.exec(ctx, "DROP DATABASE IF EXISTS "+identifier(name)+" WITH (FORCE)"); err != nil {
			return err
		}
	}
	return nil
}

// load makes the new database and fills it.
func (r *restore) load(ctx context.Context) (err error) {
	create := "CREATE DATABASE " + identifier(r.next) + " TEMPLATE template0"
	if c := r.b.Contents; c != nil {
		if r.done.Roles, err = c.provideRoles(ctx, r.s); err != nil {
			return err
		}
		create += " OWNER " + identifier(c.Owner) + " " + strings.Join(c.Create, " ")
	}
	if err := r.s.exec(ctx, create); err != nil {
		return err
	}
	if err := r.fill(ctx); err != nil {
		return err
	}
	s, err := r.t.connect(ctx, r.next)
	if err != nil {
		return err
	}
	defer s.close()
	r.progress(Progress{Stage: StageRestore, Item: "planner statistics"})
	return s.exec(ctx, "ANALYZE")
}

func (r *restore) fill(ctx context.Context) error {
	if r.b.Format == Plain {
		r.progress(Progress{Stage: StageRestore})
		return r.t.run(ctx, r.next, nil, "psql", "--no-psqlrc", "--quiet", "--no-password", "--output=/dev/null", "--set=ON_ERROR_STOP=1", "--file="+r.b.Path)
	}
	begun, total := int64(-1), int64(0)
	for _, t := range r.b.Tables {
		if t.Schema != "" {
			total++
		}
	}
	line := func(text string) {
		if _, table, ok := strings.Cut(text, "processing data for table "); ok {
			begun++
			r.progress(Progress{Stage: StageRestore, Done: begun, Total: total, Item: strings.Trim(table, `"`)})
		}
	}
	return r.t.run(ctx, r.next, line, "pg_restore", "--verbose", "--exit-on-error", "--no-tablespaces", "--no-password", "--dbname="+r.next, r.b.Path)
}

// swap renames both databases in one transaction. ALTER DATABASE RENAME locks the name against new sessions and then waits
// 5 s for those that are in the database to end (CountOtherDBBackends in src/backend/storage/ipc/procarray.c), so
// they are ended meanwhile, from another session.
func (r *restore) swap(ctx context.Context) (err error) {
	r.progress(Progress{Stage: StageSwap, Item: r.target})
	if r.done.Replaced, err = r.exists(ctx, r.target); err != nil {
		return err
	}
	sql := []string{"BEGIN"}
	if r.done.Replaced {
		sql = append(sql, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", identifier(r.target), identifier(r.old)))
	}
	sql = append(sql, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", identifier(r.next), identifier(r.target)))
	if c := r.b.Contents; c != nil {
		for _, then := range c.Then {
			sql = append(sql, strings.ReplaceAll(then, databaseMark, identifier(r.target)))
		}
	}
	ended := make(chan int, 1)
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { ended <- r.disconnect(stop) }()
	err = r.s.exec(ctx, append(sql, "COMMIT")...)
	cancel()
	r.done.Disconnected = <-ended
	if err != nil {
		return err
	}
	if r.done.Replaced {
		// The restore is done: an old database that cannot be dropped is told, and is no failure.
		if r.s.exec(ctx, "DROP DATABASE "+identifier(r.old)+" WITH (FORCE)") != nil {
			r.done.Kept = r.old
		}
	}
	return nil
}

// disconnect ends the sessions of both databases until ctx ends, and returns how many it ended.
func (r *restore) disconnect(ctx context.Context) int {
	s, err := r.t.connect(ctx, r.maintenance())
	if err != nil {
		return 0 // the renaming says what is in its way
	}
	defer s.close()
	pids := map[string]bool{}
	for {
		// Materialized: the planner may call the function for rows that the conditions would leave out.
		rows, err := s.query(ctx, `WITH here AS MATERIALIZED (SELECT pid FROM pg_catalog.pg_stat_activity WHERE datname IN ($1::name, $2::name)
			AND backend_type = 'client backend') SELECT pid FROM here WHERE pg_catalog.pg_terminate_backend(pid)`, r.target, r.next)
		if err != nil {
			return len(pids)
		}
		for _, row := range rows {
			pids[row[0]] = true
		}
		select {
		case <-ctx.Done():
			return len(pids)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// undo drops the new database and the roles that were made for it, on a session of its own: the other may be broken.
func (r *restore) undo() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r.s.close()
	s, err := r.t.connect(ctx, r.maintenance())
	if err != nil {
		return // the server has gone: the next restore clears
	}
	defer s.close()
	_ = s.exec(ctx, "DROP DATABASE IF EXISTS "+identifier(r.next)+" WITH (FORCE)")
	for _, role := range r.done.Roles {
		_ = s.exec(ctx, "DROP ROLE IF EXISTS "+identifier(role))
	}
}

// DatabaseExists reports whether the server has a database of that name, which Restore would replace.
func DatabaseExists(ctx context.Context, t Target, database string) (bool, error) {
	r := &restore{t: t, target: database}
	s, err := t.connect(ctx, r.maintenance())
	if err != nil {
		return false, err
	}
	defer s.close()
	r.s = s
	return r.exists(ctx, database)
}
