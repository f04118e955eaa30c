package move

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"golang.org/x/sync/errgroup"
)

// plugin is the output plugin of logical replication that every PostgreSQL has.
const plugin = "pgoutput"

// replicating are the settings of a session that reads a slot. It is never given up for being silent: we are alive as long as the
// connection is.
var replicating = map[string]string{"replication": "database", "wal_sender_timeout": "0"}

// copyRows copies all rows as they are in the snapshot of a new slot.
func (m *mover) copyRows(ctx context.Context) error {
	if err := dropSlot(ctx, m.source, m.slot); err != nil {
		return err
	}
	tables, err := readTables(ctx, m.source)
	if err != nil {
		return err
	}
	m.tell(Progress{Stage: StageCopy, Total: total(tables)})
	reader, err := m.o.Source.open(ctx, replicating)
	if err != nil {
		return err
	}
	defer reader.close() // and with it the snapshot
	slot, err := pglogrepl.CreateReplicationSlot(ctx, reader.PgConn, m.slot, plugin, pglogrepl.CreateReplicationSlotOptions{SnapshotAction: "EXPORT_SNAPSHOT"})
	if err != nil {
		return err
	}
	if err := m.copyTables(ctx, tables, slot.SnapshotName); err != nil {
		return err
	}
	if err := m.syncLargeObjects(ctx); err != nil {
		return err
	}
	_, err = m.target.query(ctx, "UPDATE "+schema+".state SET phase = $1, lsn = $2::pg_lsn", string(indexing), slot.ConsistentPoint)
	return err
}

func total(tables []table) (bytes int64) {
	for _, t := range tables {
		bytes += t.bytes
	}
	return bytes
}

// copyTables copies several tables at a time, the largest first.
func (m *mover) copyTables(ctx context.Context, tables []table, snapshot string) error {
	var copied atomic.Int64 // bytes of COPY's text
	next := make(chan table, len(tables))
	for _, t := range tables {
		next <- t
	}
	close(next)
	group, ctx := errgroup.WithContext(ctx)
	for range min(m.o.Jobs, len(tables)) {
		group.Go(func() error { return m.copier(ctx, next, snapshot, &copied) })
	}
	ended := make(chan struct{})
	telling := make(chan struct{})
	go func() {
		defer close(telling)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				m.tell(Progress{Stage: StageCopy, Done: copied.Load(), Total: total(tables), Item: fmt.Sprintf("%d of %d tables to go", len(next), len(tables))})
			case <-ended:
				return
			}
		}
	}()
	err := group.Wait()
	close(ended)
	<-telling
	m.result.Bytes = copied.Load()
	return err
}

// copier copies tables over connections of its own until there is none left.
func (m *mover) copier(ctx context.Context, next <-chan table, snapshot string, copied *atomic.Int64) error {
	source, err := m.o.Source.open(ctx, nil)
	if err != nil {
		return err
	}
	defer source.close()
	target, err := m.o.Target.open(ctx, nil)
	if err != nil {
		return err
	}
	defer target.close()
	if err := source.script(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "SET TRANSACTION SNAPSHOT "+literal(snapshot)); err != nil {
		return err
	}
	if err := target.script(ctx, replica); err != nil {
		return err
	}
	for t := range next {
		if err := copyTable(ctx, source, target, t, copied); err != nil {
			return fmt.Errorf("copy table %s.%s: %w", t.schema, t.name, err)
		}
	}
	return nil
}

// copyTable replaces the rows of a table in the target, in a transaction of its own. Rows that come with a table that is new to the
// transaction are written frozen.
func copyTable(ctx context.Context, source, target *session, t table, copied *atomic.Int64) error {
	var columns []string
	for _, c := range t.columns {
		columns = append(columns, identifier(c))
	}
	what := t.quoted() + " (" + strings.Join(columns, ", ") + ")"
	if err := target.script(ctx, "BEGIN", "TRUNCATE ONLY "+t.quoted()); err != nil {
		return err
	}
	r, w := io.Pipe()
	read := make(chan error, 1)
	go func() {
		_, err := source.CopyTo(ctx, w, "COPY "+what+" TO STDOUT")
		w.CloseWithError(err) // nil: the end
		read <- err
	}()
	_, err := target.CopyFrom(ctx, &counted{r, copied}, "COPY "+what+" FROM STDIN (FREEZE)")
	r.CloseWithError(errors.New("the target has ended the copy")) // a reader that is still at it ends too
	if readErr := <-read; err == nil {
		err = readErr
	}
	if err != nil {
		return err
	}
	return target.script(ctx, "COMMIT")
}

// counted counts what is read.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}
