package move

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pglogrepl"
	"golang.org/x/sync/errgroup"

	"nself.org/embeddedpg/internal/fault"
)

// markPrefix is the name of our messages in the source's log. Each has a number; once it has come through, so has everything before.
const markPrefix = schema

// follower applies the source's changes to the target, in the order of their commits.
type follower struct {
	stream    *stream
	batch     *batch
	relations map[uint32]*relation
	applied   pglogrepl.LSN // the target has everything up to here
	end       pglogrepl.LSN // of the last whole transaction in the batch
	inside    bool          // a transaction has begun to come, and not ended
	skip      bool          // it has been applied before
	confirmed time.Time

	mark int64 // the latest in the batch
	mu   struct {
		sync.Mutex
		mark    int64 // the latest that the target has
		bytes   int64 // of the stream
		changed chan struct{}
	}
}

// follow runs a follower while f runs. It returns f's error, or why the following broke off.
func (m *mover) follow(ctx context.Context, from pglogrepl.LSN, f func(context.Context, *follower) error) error {
	stream, err := openStream(ctx, m, from)
	if err != nil {
		return err
	}
	defer stream.close()
	batch, err := newBatch(ctx, m.o.Target)
	if err != nil {
		return err
	}
	defer batch.close()
	w := &follower{stream: stream, batch: batch, relations: map[uint32]*relation{}, applied: from, end: from}
	w.mu.changed = make(chan struct{})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return stream.read(ctx) })
	group.Go(func() error { return w.apply(ctx) })
	group.Go(func() error {
		if err := f(ctx, w); err != nil {
			return err
		}
		return errFollowed
	})
	if err := group.Wait(); !errors.Is(err, errFollowed) {
		return err
	}
	return nil
}

// errFollowed ends the goroutines of a follower that is not needed any more.
var errFollowed = errors.New("all changes have been applied")

// statusEvery is how often the source is told how far we are, at most.
const statusEvery = time.Second

// apply applies what comes. What has come together is committed together.
func (w *follower) apply(ctx context.Context) error {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		var a arrival
		var more bool
		select {
		case a, more = <-w.stream.in:
		default:
			if err := w.commit(ctx); err != nil {
				return err
			}
			select {
			case a, more = <-w.stream.in:
			case <-tick.C:
				if err := w.confirm(ctx, false); err != nil {
					return err
				}
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if !more {
			return nil // read says why
		}
		if err := w.take(ctx, a); err != nil {
			return err
		}
	}
}

func (w *follower) take(ctx context.Context, a arrival) error {
	w.mu.Lock()
	w.mu.bytes += int64(a.bytes)
	w.mu.Unlock()
	if a.message != nil {
		return w.message(ctx, a.message)
	}
	if !w.inside && w.end == w.applied && a.keepalive.ServerWALEnd > w.applied {
		w.applied, w.end = a.keepalive.ServerWALEnd, a.keepalive.ServerWALEnd // the log up to there has nothing for us
	}
	return w.confirm(ctx, a.keepalive.ReplyRequested)
}

func (w *follower) message(ctx context.Context, message pglogrepl.Message) error {
	switch m := message.(type) {
	case *pglogrepl.RelationMessage:
		return w.describe(m)
	case *pglogrepl.BeginMessage:
		w.inside, w.skip = true, m.FinalLSN < w.applied
	case *pglogrepl.CommitMessage:
		if w.inside = false; w.skip {
			return nil
		}
		if w.end = m.TransactionEndLSN; w.batch.size >= batchLimit {
			return w.commit(ctx)
		}
	case *pglogrepl.LogicalDecodingMessage:
		if n, err := strconv.ParseInt(string(m.Content), 10, 64); err == nil && m.Prefix == markPrefix {
			w.mark = n
		}
	case *pglogrepl.InsertMessage, *pglogrepl.UpdateMessage, *pglogrepl.DeleteMessage, *pglogrepl.TruncateMessage:
		if w.skip {
			return nil
		}
		s, err := w.statement(m)
		if err != nil {
			return err
		}
		return w.batch.add(s)
	}
	return nil
}

// describe takes the description of a table, which comes before its first change and again after anything has been done to the
// table. What changes are written for cannot change: the source refuses it.
func (w *follower) describe(m *pglogrepl.RelationMessage) error {
	next, was := newRelation(m), w.relations[m.RelationID]
	if was != nil && !reflect.DeepEqual(next, was) {
		return &fault.Error{Op: "follow the table", Path: next.name, Err: errors.New("it has been changed"), Hint: "begin the move anew: nself db move --abort"}
	}
	w.relations[m.RelationID] = next
	return nil
}

// statement is a change as SQL.
func (w *follower) statement(message pglogrepl.Message) (statement, error) {
	known := func(id uint32) (*relation, error) {
		if r := w.relations[id]; r != nil {
			return r, nil
		}
		return nil, fmt.Errorf("the source sent a change of table %d, which it has not described", id)
	}
	switch m := message.(type) {
	case *pglogrepl.InsertMessage:
		r, err := known(m.RelationID)
		if err != nil {
			return statement{}, err
		}
		return r.insert(m.Tuple), nil
	case *pglogrepl.UpdateMessage:
		r, err := known(m.RelationID)
		if err != nil {
			return statement{}, err
		}
		return r.update(m.OldTuple, m.NewTuple), nil
	case *pglogrepl.DeleteMessage:
		r, err := known(m.RelationID)
		if err != nil {
			return statement{}, err
		}
		return r.delete(m.OldTuple), nil
	}
	m := message.(*pglogrepl.TruncateMessage)
	var tables []*relation
	for _, id := range m.RelationIDs {
		r, err := known(id)
		if err != nil {
			return statement{}, err
		}
		tables = append(tables, r)
	}
	return truncate(tables, m.Option&pglogrepl.TruncateOptionRestartIdentity != 0), nil
}

// commit makes what has been applied last, unless a transaction is in the midst, and tells whoever waits.
func (w *follower) commit(ctx context.Context) error {
	if w.inside || w.end == w.applied {
		return nil
	}
	if w.batch.open {
		if err := w.batch.commit(w.end); err != nil {
			return err
		}
	}
	w.applied = w.end
	w.mu.Lock()
	w.mu.mark = w.mark
	close(w.mu.changed)
	w.mu.changed = make(chan struct{})
	w.mu.Unlock()
	return w.confirm(ctx, false)
}

// confirm tells the source, now and then.
func (w *follower) confirm(ctx context.Context, now bool) error {
	if !now && time.Since(w.confirmed) < statusEvery {
		return nil
	}
	w.confirmed = time.Now()
	return w.stream.confirm(ctx, w.applied)
}
