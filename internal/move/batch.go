package move

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg/internal/fault"
)

// replica keeps triggers and foreign keys from firing for what has passed them at the source.
const replica = "SET session_replication_role = replica"

// batchLimit is after how many statements their answers are read, and a transaction is not joined by the next one.
const batchLimit = 500

// batch applies transactions of the source to the target. Several small ones that have come together become one; none is cut.
// Statements are sent without waiting for the answers to those before.
type batch struct {
	target   *session
	pipeline *pgconn.Pipeline
	prepared map[string]bool
	open     bool        // a transaction has begun in the target
	size     int         // of it, in statements
	sent     []statement // of which the answers have not been read
}

func newBatch(ctx context.Context, e End) (*batch, error) {
	target, err := e.open(ctx, nil)
	if err != nil {
		return nil, err
	}
	if err := target.script(ctx, replica); err != nil {
		target.close()
		return nil, err
	}
	return &batch{target: target, pipeline: target.StartPipeline(ctx), prepared: map[string]bool{}}, nil
}

// add sends a statement.
func (b *batch) add(s statement) error {
	if !b.open {
		b.open, b.size = true, 0
		b.send(statement{sql: "BEGIN", rows: -1})
	}
	b.size++
	if b.send(s); len(b.sent) < batchLimit {
		return nil
	}
	return b.read()
}

func (b *batch) send(s statement) {
	b.sent = append(b.sent, s)
	if s.name == "" {
		b.pipeline.SendQueryParams(s.sql, s.values, nil, nil, nil)
		return
	}
	if !b.prepared[s.name] {
		b.prepared[s.name] = true
		b.pipeline.SendPrepare(s.name, s.sql, nil)
	}
	b.pipeline.SendQueryPrepared(s.name, s.values, nil, nil)
}

// commit ends the transaction, with the note that the source's log up to lsn has been applied. After it returns nil the target
// will not forget.
func (b *batch) commit(lsn pglogrepl.LSN) error {
	b.send(statement{sql: "UPDATE " + schema + ".state SET lsn = $1::pg_lsn", values: values(lsn.String()), rows: 1})
	b.send(statement{sql: "COMMIT", rows: -1})
	b.open = false
	return b.read()
}

// read reads the answers to everything that was sent. After an error the batch is of no more use.
func (b *batch) read() (failed error) {
	if err := b.pipeline.Sync(); err != nil {
		return err
	}
	for i := 0; ; {
		result, err := b.pipeline.GetResults()
		if err == nil {
			switch r := result.(type) {
			case *pgconn.PipelineSync:
				b.sent = b.sent[:0]
				return failed
			case *pgconn.ResultReader:
				var tag pgconn.CommandTag
				tag, err = r.Close()
				if err == nil {
					err = b.sent[i].check(tag)
				}
				i++
			case nil:
				err = errors.New("an answer of the target is missing")
			}
		}
		if failed == nil {
			failed = err
		}
		if err != nil && b.target.IsClosed() || result == nil && err != nil && !isRefusal(err) {
			return failed
		}
	}
}

// check makes sure that a change has found what it changes.
func (s statement) check(tag pgconn.CommandTag) error {
	if s.rows < 0 || tag.RowsAffected() == s.rows {
		return nil
	}
	return &fault.Error{
		Op: "apply a change to the target", Err: fmt.Errorf("%d rows were changed and not %d by: %.200s", tag.RowsAffected(), s.rows, s.sql),
		Hint: "somebody else has changed the target; begin the move anew, into an empty database",
	}
}

func isRefusal(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused)
}

func (b *batch) close() { b.target.close() }
