package move

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg/internal/fault"
)

// Options describe a move.
type Options struct {
	Source   End // PostgreSQL 18, with a superuser
	Target   End // an empty database
	Jobs     int // tables that are copied at a time; 0: 4
	NoOwner  bool
	Resume   bool
	Patience time.Duration // how long a server may be away; 0: a minute

	// Ready is called once the target is less than a second behind. When it returns, the clients are sent to the target; an error of
	// it ends the following. nil: at once.
	Ready func(context.Context) error
	// Switch is called when the target has everything and nobody can write to the source. What it does may be done again. nil: nothing.
	Switch   func(context.Context) error
	Progress func(Progress)
}

// Result is what a move has done.
type Result struct {
	Pause       time.Duration // nobody could write; 0 if an earlier run has made it
	Tables      int
	Rows        int64
	Bytes       int64    // of rows that were copied, as text; 0 if an earlier run has copied them
	Compared    bool     // the rows of both servers have been added up, as they were when nobody wrote
	Differences []string // what was not the same
}

const (
	defaultJobs     = 4
	defaultPatience = time.Minute
)

// mover is a move, while it is connected.
type mover struct {
	o      Options
	source *session
	target *session
	slot   string
	name   string    // of the source, as the target's state has it
	since  time.Time // of the last progress
	both   *snapshots
	result *Result
}

func (m *mover) tell(p Progress) {
	m.since = time.Now() // something has come of it
	m.o.Progress(p)
}

// Run moves a database. If it is broken off, by ctx or anything else, both databases stay as they are, and a run with Resume goes
// on. What it finds in the way before it changes anything is one *fault.Error.
func Run(ctx context.Context, o Options) (Result, error) {
	var result Result
	if o.Jobs < 1 {
		o.Jobs = defaultJobs
	}
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if !o.Resume {
		findings, err := Check(ctx, o)
		if err != nil {
			return result, err
		}
		if err := failures(findings); err != nil {
			return result, err
		}
	}
	m := &mover{o: o, result: &result, since: time.Now()}
	for {
		began, err := m.attempt(ctx)
		switch {
		case err == nil:
			return result, nil
		case ctx.Err() != nil:
			return result, &fault.Error{Op: opMove, Err: ctx.Err(), Hint: "both databases are as they were; go on by --resume, or give up by --abort"}
		case !began || !passing(err) || time.Since(m.since) > o.Patience:
			return result, err
		}
		o.Progress(Progress{Stage: StageRetry, Item: err.Error()})
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
	}
}

const opMove = "move the database"

// passing reports whether an error is one that waiting may cure: a connection is lost, or a server starts.
func passing(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) { // src/backend/utils/errcodes.txt
		return strings.HasPrefix(refused.Code, "57P0") || strings.HasPrefix(refused.Code, "08") || strings.HasPrefix(refused.Code, "53") || refused.Code == objectInUse
	}
	var told *fault.Error
	return !errors.As(err, &told)
}

// attempt goes on from where the move is until it is done or something breaks. began reports whether the target knows of the move.
func (m *mover) attempt(ctx context.Context) (began bool, err error) {
	began = m.o.Resume
	if m.source, err = m.o.Source.open(ctx, nil); err != nil {
		return began, err
	}
	defer m.source.close()
	if m.target, err = m.o.Target.open(ctx, nil); err != nil {
		return began, err
	}
	defer m.target.close()
	s, err := m.look(ctx)
	if err != nil {
		return began, err
	}
	m.o.Resume = m.o.Resume || s.phase != none
	for steps := map[phase]func(context.Context) error{none: m.makeSchema, copying: m.copyRows, indexing: m.makeRest}; steps[s.phase] != nil; {
		if err := steps[s.phase](ctx); err != nil {
			return m.o.Resume, err
		}
		m.o.Resume = true
		if s, err = m.look(ctx); err != nil {
			return true, err
		}
	}
	if s.phase == following {
		if err := m.follow(ctx, s.lsn, m.sendClients); err != nil {
			return true, err
		}
	}
	return true, m.finish(ctx)
}

// look reads how far the move is.
func (m *mover) look(ctx context.Context) (s state, err error) {
	if m.slot, err = slotName(ctx, m.source); err != nil {
		return s, err
	}
	if m.name, err = sourceName(ctx, m.source); err != nil {
		return s, err
	}
	s, err = readState(ctx, m.target)
	switch {
	case err != nil:
		return s, err
	case s.phase == none && m.o.Resume:
		return s, &fault.Error{Op: opMove, Err: errors.New("the target knows of no move"), Hint: "begin it without --resume"}
	case s.phase != none && s.source != m.name:
		return s, &fault.Error{Op: opMove, Err: errors.New("the target is in the midst of a move of another database"), Hint: "name the right target, or drop the schema " + schema + " there"}
	}
	return s, nil
}

// failures makes one error of what is in the way.
func failures(findings []Finding) error {
	var bad []string
	for _, f := range findings {
		if f.Status == Failure {
			bad = append(bad, f.Check+": "+f.Detail)
		}
	}
	if bad == nil {
		return nil
	}
	hint := "nself db move --check tells what to do about each"
	if i := slices.IndexFunc(findings, func(f Finding) bool { return f.Status == Failure }); len(bad) == 1 {
		hint = findings[i].Hint
	}
	return &fault.Error{Op: opMove, Err: fmt.Errorf("nothing was changed, as this is in the way: %s", strings.Join(bad, "; ")), Hint: hint}
}

// Abort gives a move up: the source gets back to what it was, and the target keeps what it has.
func Abort(ctx context.Context, source End) error {
	s, err := source.open(ctx, nil)
	if err != nil {
		return err
	}
	defer s.close()
	slot, err := slotName(ctx, s)
	if err != nil {
		return err
	}
	found, err := s.one(ctx, "SELECT pg_catalog.to_regnamespace($1) IS NOT NULL OR EXISTS (SELECT FROM pg_catalog.pg_replication_slots WHERE slot_name = $2::name)", schema, slot)
	if err != nil {
		return err
	}
	if found != "t" {
		return &fault.Error{Op: "give up the move of", Path: source.Database, Err: errors.New("no move is under way")}
	}
	if err := letWrite(ctx, s); err != nil {
		return err
	}
	if err := dropSlot(ctx, s, slot); err != nil {
		return err
	}
	return unguard(ctx, s, slot)
}
