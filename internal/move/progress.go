package move

import (
	"context"
	"time"
)

// Progress tells where a move is.
type Progress struct {
	Stage Stage
	Done  int64         // bytes: copied, of Total; or of changes that have come since the copy
	Total int64         // bytes of the tables at the source; 0 if it says nothing
	Lag   time.Duration // how far the target is behind, while it follows
	Item  string        // what is in hand, or why it is tried again
}

// Stage is a part of a move.
type Stage string

// The stages, in their order.
const (
	StageSchema  Stage = "schema"  // roles, tables, types, functions
	StageCopy    Stage = "copy"    // the rows
	StageIndex   Stage = "index"   // indexes, constraints, triggers, statistics
	StageFollow  Stage = "follow"  // changes are applied as they are made
	StagePause   Stage = "pause"   // nobody writes, and the target gets the rest
	StageCompare Stage = "compare" // the rows of both are added up; the clients are at the target already
	StageRetry   Stage = "retry"   // a server went away
)

// every is how often progress is told.
const every = 250 * time.Millisecond

// poll asks until the answer is true.
func poll(ctx context.Context, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
