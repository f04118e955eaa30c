package embeddedpg

import (
	"context"
	"time"

	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/move"
)

// MoveOptions describe a move of a database to another server.
type MoveOptions struct {
	// To is the URL of an empty database of PostgreSQL 14 or later, postgresql://user:password@host:port/database?sslmode=..., for
	// which an sslmode must be given if it is to be other than prefer. The password may be in PGPASSWORD or ~/.pgpass instead.
	To string

	// Database is the one to move. Default: Config.Database.
	Database string

	// Jobs is how many tables are copied at a time. Default: 4.
	Jobs int

	// NoOwner has everything belong to the user of To, who then need not be a superuser, and makes no roles.
	NoOwner bool

	// Resume goes on with a move that was broken off. Otherwise the target must be empty.
	Resume bool

	// Ready is called once, when the target is less than a second behind. When it returns nil the clients are sent to the target: it
	// may wait for a person or a time. An error breaks the move off. Default: they are sent at once.
	Ready func(context.Context) error

	// Switch is called when the target has everything and nobody can write to the source any more: it tells the clients their new
	// address. The time that it takes is part of the pause. It may be called again after an error or with Resume. Default: nothing.
	Switch func(context.Context) error

	// Progress is called when a stage begins, and several times a second; never twice at once. It must not block. Default: none.
	Progress func(MoveProgress)
}

// MoveProgress tells where a move is.
type MoveProgress struct {
	Stage MoveStage
	Done  int64         // bytes: copied, of Total; or of changes that have come since the copy
	Total int64         // bytes of the tables at the source; 0 if it says nothing
	Lag   time.Duration // how far the target is behind, while it follows
	Item  string        // what is in hand, or why it is tried again
}

// MoveStage is a part of a move.
type MoveStage string

// The stages, in their order.
const (
	MoveStageSchema  = MoveStage(move.StageSchema)  // roles, tables, types, functions
	MoveStageCopy    = MoveStage(move.StageCopy)    // the rows; bytes
	MoveStageIndex   = MoveStage(move.StageIndex)   // indexes, constraints, triggers, statistics
	MoveStageFollow  = MoveStage(move.StageFollow)  // changes are applied as they are made
	MoveStagePause   = MoveStage(move.StagePause)   // nobody can write, and the target gets the rest
	MoveStageCompare = MoveStage(move.StageCompare) // the rows of both are added up; the clients are at the target already
	MoveStageRetry   = MoveStage(move.StageRetry)   // a server went away, and is tried again
)

// Moved is what a move has done.
type Moved struct {
	Pause       time.Duration // nobody could write; 0 if an earlier run has made it
	Tables      int           // that were compared
	Rows        int64         // of them
	Bytes       int64         // of rows that were copied, as text; 0 if an earlier run has copied them
	Compared    bool          // rows were counted and added up on both servers, as they were in the pause; only the run that makes the pause does
	Differences []string      // what was not the same, in words; nil is as it must be
}

// MoveFinding is what CheckMove found of one thing that a move needs.
type MoveFinding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // ok, warning, or failure, with which MoveTo does not begin
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"` // what to do about it
}

// MoveTo takes a database to another server while its clients go on writing, and then sends them there: the schema by pg_dump, the
// rows in the snapshot of a replication slot, then the changes since. It needs the setting wal_level = logical. What else is in
// the way, all of it, is one *Error before anything is changed. Changes of the schema are refused during the move. docs/moving.md
// tells what is moved and what is not.
//
// Afterwards the database here is read-only for new sessions. If ctx ends before, or anything breaks, the clients go on here and
// Resume goes on with the move; AbortMove gives it up. It is safe to end the program or either server at any moment.
func (s *Server) MoveTo(ctx context.Context, o MoveOptions) (Moved, error) {
	var moved Moved
	err := s.moving(ctx, o, func(m move.Options) error {
		done, err := move.Run(ctx, m)
		moved = Moved(done)
		return err
	})
	return moved, err
}

// CheckMove looks for everything that is in the way of a move, and changes nothing.
func (s *Server) CheckMove(ctx context.Context, o MoveOptions) ([]MoveFinding, error) {
	var all []MoveFinding
	err := s.moving(ctx, o, func(m move.Options) error {
		found, err := move.Check(ctx, m)
		for _, f := range found {
			all = append(all, MoveFinding{f.Check, string(f.Status), f.Detail, f.Hint})
		}
		return err
	})
	return all, err
}

// AbortMove gives up a move of a database, "" for Config.Database, that was broken off: clients can write and change the schema
// again, and nothing is kept for the target. What the target has stays there.
func (s *Server) AbortMove(ctx context.Context, database string) error {
	t, closeDoor, err := s.door(ctx)
	if err != nil {
		return err
	}
	defer closeDoor()
	return public(move.Abort(ctx, s.end(t, database)))
}

// moving calls f with options that reach both servers.
func (s *Server) moving(ctx context.Context, o MoveOptions, f func(move.Options) error) error {
	target, err := move.ParseEnd(o.To)
	if err != nil {
		return public(err)
	}
	t, closeDoor, err := s.door(ctx)
	if err != nil {
		return err
	}
	defer closeDoor()
	m := move.Options{
		Source: s.end(t, o.Database), Target: target, Jobs: o.Jobs, NoOwner: o.NoOwner, Resume: o.Resume, Ready: o.Ready, Switch: o.Switch,
	}
	if o.Progress != nil {
		m.Progress = func(p move.Progress) {
			o.Progress(MoveProgress{Stage: MoveStage(p.Stage), Done: p.Done, Total: p.Total, Lag: p.Lag, Item: p.Item})
		}
	}
	return public(f(m))
}

// end is a database of this server.
func (s *Server) end(t backup.Target, database string) move.End {
	if database == "" {
		database = s.cfg.Database
	}
	return move.End{Target: t, Database: database}
}
