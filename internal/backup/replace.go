package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"nself.org/embeddedpg/internal/fault"
)

// ReplaceOptions say which database is made anew, and of what.
type ReplaceOptions struct {
	Database string    // to make; if it exists it is replaced
	Contents *Contents // what it is made with; nil: owner, encoding, locale, settings, privileges and comment of the one it replaces
	Locale   string    // of ICU's, in the place of the one in Contents; "": that one
	Progress func(Progress)

	Rows    bool // the new database is to hold rows if the old one does
	Discard bool // drop the old one whatever the new one holds

	// Fill fills the new database, which is called next until it takes its place.
	Fill func(ctx context.Context, next string) error
}

// Restored is what Replace and Restore did.
type Restored struct {
	Replaced     bool     // there was a database of that name
	Disconnected int      // sessions that the swap ended
	Roles        []string // that were made
	Kept         string   // name under which the old database is still there: the new one holds nothing, or it could not be dropped
	Before       Measure  // of the old database
	After        Measure  // of the new one
}

// Replace makes a database anew, all or nothing: a new one is filled, which then takes the name of the old one in one
// transaction, and the old one is dropped. If the new one holds nothing where the old one did, the old one is kept under
// another name (unless Discard). Until then clients go on working in the old one; the swap ends their sessions,
// and what they wrote meanwhile goes with the old one. If ctx ends, or anything fails, the old database is as it was; so
// it is after a crash, or the new one is in its place. What a crash leaves behind besides, the next Replace of the same
// database removes.
func Replace(ctx context.Context, t Target, o ReplaceOptions) (Restored, error) {
	var done Restored
	r := &replacing{t: t, ReplaceOptions: o, done: &done}
	r.Progress = oneAtATime(o.Progress)
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
		return done, err
	}
	if err := r.swap(ctx); err != nil {
		r.undo()
		return done, fmt.Errorf("put the new database in the place of %s: %w", o.Database, err)
	}
	return done, nil
}

// replacing is one run of Replace.
type replacing struct {
	t Target
	ReplaceOptions
	next, old string // names of the new database, and of the old one after the swap
	keep      bool   // do not drop the old one
	s         *session
	done      *Restored
}

// name is a database's name that no other target has.
func (r *replacing) name(what string) string {
	sum := sha256.Sum256([]byte(r.Database))
	return "nself_restore_" + what + "_" + hex.EncodeToString(sum[:8])
}

// maintenance is a database to be connected to while the other is renamed.
func maintenance(database string) string {
	if database == "postgres" {
		return "template1"
	}
	return "postgres"
}

// connect opens the session that makes and renames databases, and holds a lock against another run.
func (r *replacing) connect(ctx context.Context) (err error) {
	if r.s, err = r.t.connect(ctx, maintenance(r.Database)); err != nil {
		return err
	}
	err = r.s.exec(ctx, "SET statement_timeout = 0", "SET lock_timeout = 0")
	if err == nil {
		var got string
		got, err = r.s.one(ctx, "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended($1::text, 0))", r.next)
		if err == nil && got != "t" {
			err = &fault.Error{Op: "replace the database", Path: r.Database, Err: errors.New("another restore of it is running"), Hint: "wait until it has ended"}
		}
	}
	if err != nil {
		r.s.close()
	}
	return err
}

func exists(ctx context.Context, s *session, database string) (bool, error) {
	found, err := s.one(ctx, "SELECT count(*) FROM pg_catalog.pg_database WHERE datname = $1::name", database)
	return found == "1", err
}

// clear removes what an earlier run left when it was killed. An old database is only there if the
// new one took its place.
func (r *replacing) clear(ctx context.Context) error {
	for _, name := range []string{r.next, r.old} {
		if err := r.s.exec(ctx, "DROP DATABASE IF EXISTS "+identifier(name)+" WITH (FORCE)"); err != nil {
			return err
		}
	}
	return nil
}

// load makes the new database and has it filled.
func (r *replacing) load(ctx context.Context) (err error) {
	there, err := exists(ctx, r.s, r.Database)
	if err != nil {
		return err
	}
	if r.Contents == nil && there {
		if r.Contents, err = readDatabase(ctx, r.s, r.Database); err != nil {
			return err
		}
	}
	wasUsed := false
	if there {
		if r.done.Before, wasUsed, err = r.look(ctx, r.Database); err != nil {
			return err
		}
	}
	create := "CREATE DATABASE " + identifier(r.next) + " TEMPLATE template0"
	if c := r.Contents; c != nil {
		if r.done.Roles, err = c.provideRoles(ctx, r.s); err != nil {
			return err
		}
		create += " OWNER " + identifier(c.Owner) + " " + strings.Join(withLocale(c.Create, r.Locale), " ")
	}
	if err := r.s.exec(ctx, create); err != nil {
		return err
	}
	if err := r.Fill(ctx, r.next); err != nil {
		return err
	}
	isUsed := false
	if r.done.After, isUsed, err = r.look(ctx, r.next); err != nil {
		return err
	}
	empty := !isUsed || r.Rows && r.done.After.Rows == 0
	if wasUsed && empty && (r.done.Before.Rows > 0 || !isUsed) && !r.Discard {
		r.keep, r.old = true, keptName(r.Database)
	}
	return nil
}

// look tells what a database holds, and whether that is anything.
func (r *replacing) look(ctx context.Context, database string) (m Measure, isUsed bool, err error) {
	s, err := r.t.connect(ctx, database)
	if err != nil {
		return m, false, err
	}
	defer s.close()
	if isUsed, err = used(ctx, s); err != nil {
		return m, false, err
	}
	m, err = measure(ctx, s)
	return m, isUsed, err
}

// keptName is the name of an old database that stays, of at most 63 bytes (NAMEDATALEN - 1).
func keptName(database string) string {
	suffix := time.Now().UTC().Format("_before_20060102_150405")
	for len(database)+len(suffix) > 63 {
		_, n := utf8.DecodeLastRuneInString(database)
		database = database[:len(database)-n]
	}
	return database + suffix
}

// swap renames both databases in one transaction. ALTER DATABASE RENAME locks the name against new sessions and then waits
// 5 s for those that are in the database to end (CountOtherDBBackends in src/backend/storage/ipc/procarray.c), so
// they are ended meanwhile, from another session.
func (r *replacing) swap(ctx context.Context) (err error) {
	r.Progress(Progress{Stage: StageSwap, Item: r.Database})
	old, err := r.s.query(ctx, "SELECT oid FROM pg_catalog.pg_database WHERE datname = $1::name", r.Database)
	if err != nil {
		return err
	}
	oid := "0" // of no database
	if r.done.Replaced = len(old) == 1; r.done.Replaced {
		oid = old[0][0]
	}
	sql := []string{"BEGIN"}
	if r.done.Replaced {
		sql = append(sql, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", identifier(r.Database), identifier(r.old)))
	}
	sql = append(sql, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", identifier(r.next), identifier(r.Database)))
	if c := r.Contents; c != nil {
		for _, then := range c.Then {
			sql = append(sql, strings.ReplaceAll(then, databaseMark, identifier(r.Database)))
		}
	}
	stop, ended := make(chan struct{}), make(chan int, 1)
	go func() { ended <- r.disconnect(oid, stop) }()
	err = r.s.exec(ctx, append(sql, "COMMIT")...)
	close(stop)
	r.done.Disconnected = <-ended
	if err != nil {
		return err
	}
	switch {
	case !r.done.Replaced:
	case r.keep:
		r.done.Kept = r.old
	default:
		// The work is done: an old database that cannot be dropped is told, and is no failure.
		if r.s.exec(ctx, "DROP DATABASE "+identifier(r.old)+" WITH (FORCE)") != nil {
			r.done.Kept = r.old
		}
	}
	return nil
}

// lookTime bounds one look at the sessions.
const lookTime = 10 * time.Second

// disconnect ends the sessions of the old database, which it knows by its number, and those in the new one under the name
// that it has before the swap, until stop is closed. It returns how many it ended. A query that has begun is waited for and
// not cancelled: the server would finish it after the swap, and end sessions that have just come to the new database.
func (r *replacing) disconnect(old string, stop <-chan struct{}) int {
	look := func(f func(ctx context.Context) error) error {
		ctx, cancel := context.WithTimeout(context.Background(), lookTime)
		defer cancel()
		return f(ctx)
	}
	var s *session
	err := look(func(ctx context.Context) (err error) {
		s, err = r.t.connect(ctx, maintenance(r.Database))
		return err
	})
	if err != nil {
		return 0 // the renaming says what is in its way
	}
	defer s.close()
	pids := map[string]bool{}
	for {
		err := look(func(ctx context.Context) error {
			// Materialized: the planner may call the function for rows that the conditions would leave out.
			rows, err := s.query(ctx, `WITH here AS MATERIALIZED (SELECT pid FROM pg_catalog.pg_stat_activity WHERE (datid = $1::oid OR datname = $2::name)
				AND backend_type = 'client backend') SELECT pid FROM here WHERE pg_catalog.pg_terminate_backend(pid)`, old, r.next)
			for _, row := range rows {
				pids[row[0]] = true
			}
			return err
		})
		if err != nil {
			return len(pids)
		}
		select {
		case <-stop:
			return len(pids)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// undo drops the new database and the roles that were made for it, on a session of its own: the other may be broken.
func (r *replacing) undo() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r.s.close()
	s, err := r.t.connect(ctx, maintenance(r.Database))
	if err != nil {
		return // the server has gone: the next run clears
	}
	defer s.close()
	_ = s.exec(ctx, "DROP DATABASE IF EXISTS "+identifier(r.next)+" WITH (FORCE)")
	for _, role := range r.done.Roles {
		_ = s.exec(ctx, "DROP ROLE IF EXISTS "+identifier(role))
	}
}
