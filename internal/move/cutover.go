package move

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"nself.org/embeddedpg/internal/backup"
)

const (
	// lagLimit is how far behind the target may be when the clients are sent to it.
	lagLimit = time.Second
	// heartbeat is how often the lag is measured.
	heartbeat = 200 * time.Millisecond
	// grace is how long transactions that are under way when the pause begins may take to their end.
	grace = 300 * time.Millisecond
)

// sendClients waits until the clients may be sent to the target, and sends them.
func (m *mover) sendClients(ctx context.Context, w *follower) error {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	var ready chan error
	for {
		lag, err := m.measure(ctx, w, StageFollow)
		if err != nil {
			return err
		}
		if lag < lagLimit && ready == nil {
			ready = make(chan error, 1)
			go func() {
				if m.o.Ready == nil {
					ready <- nil
					return
				}
				ready <- m.o.Ready(waiting)
			}()
		}
		select {
		case err := <-ready:
			if err != nil {
				return err
			}
			if lag < lagLimit {
				return m.pause(ctx, w)
			}
			ready <- nil
		case <-time.After(heartbeat):
		}
	}
}

// measure has a mark come through, and returns how long it took.
func (m *mover) measure(ctx context.Context, w *follower, stage Stage) (time.Duration, error) {
	began := time.Now()
	mark := began.UnixNano()
	if _, err := m.source.query(ctx, "SELECT pg_catalog.pg_logical_emit_message(true, $1, $2)", markPrefix, strconv.FormatInt(mark, 10)); err != nil {
		return 0, err
	}
	for {
		w.mu.Lock()
		done, bytes, changed := w.mu.mark >= mark, w.mu.bytes, w.mu.changed
		w.mu.Unlock()
		lag := time.Since(began)
		m.tell(Progress{Stage: stage, Done: bytes, Lag: lag})
		if done {
			return lag, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-changed:
		case <-time.After(every):
		}
	}
}

// pause stops the writers, gives the target what it lacks, and sends the clients there. Until the target has everything, an error
// lets the writers go on where they were.
func (m *mover) pause(ctx context.Context, w *follower) (err error) {
	if err := m.syncLargeObjects(ctx); err != nil { // so that few are left
		return err
	}
	both, err := m.openSnapshots(ctx)
	if err != nil {
		return err
	}
	identity, err := alterIdentity(ctx, m.source, "ALWAYS")
	if err != nil {
		both.close()
		return err
	}
	tables, err := readTables(ctx, m.source)
	if err != nil {
		both.close()
		return err
	}
	began := time.Now()
	m.tell(Progress{Stage: StagePause})
	defer func() {
		if err != nil {
			both.close()
			m.resumeWriting()
		}
	}()
	if err := stopWriters(ctx, m.source); err != nil {
		return err
	}
	if _, err := m.measure(ctx, w, StagePause); err != nil {
		return err
	}
	if err := m.syncLargeObjects(ctx); err != nil {
		return err
	}
	sequences, err := m.source.column(ctx, setSequences)
	if err != nil {
		return err
	}
	if err := m.target.script(ctx, strings.Join(sequences, "\n")+identity+enter(moved)); err != nil {
		return err
	}
	if err := both.begin(ctx, tables); err != nil {
		return err
	}
	if err := m.switchClients(ctx); err != nil {
		return err
	}
	m.result.Pause = time.Since(began)
	m.both = both
	return nil
}

// resumeWriting lets the writers go on at the source, unless the target may have everything by now.
func (m *mover) resumeWriting() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	target, err := m.o.Target.open(ctx, nil)
	if err != nil {
		return // it stays as it is until the next attempt
	}
	defer target.close()
	if s, err := readState(ctx, target); err != nil || s.phase != following {
		return
	}
	source, err := m.o.Source.open(ctx, nil)
	if err != nil {
		return
	}
	defer source.close()
	_ = letWrite(ctx, source) // the next attempt, or --abort, does it
}

func (m *mover) switchClients(ctx context.Context) error {
	if m.o.Switch == nil {
		return nil
	}
	return m.o.Switch(ctx)
}

// stopWriters makes the database read-only for sessions to come, and ends those that are there: in the moment between two
// transactions, where they come to one in time.
func stopWriters(ctx context.Context, source *session) error {
	name, err := source.one(ctx, "SELECT pg_catalog.current_database()")
	if err != nil {
		return err
	}
	if err := source.script(ctx, "ALTER DATABASE "+identifier(name)+" SET default_transaction_read_only = on"); err != nil {
		return err
	}
	since, err := source.one(ctx, "SELECT pg_catalog.clock_timestamp()")
	if err != nil {
		return err
	}
	const theirs = ` FROM pg_catalog.pg_stat_activity WHERE datname = pg_catalog.current_database() AND backend_type = 'client backend'
		AND application_name <> '` + application + `' AND backend_start < $1::timestamptz`
	begun := time.Now()
	return poll(ctx, func() (bool, error) {
		idle := " AND state = 'idle'"
		if time.Since(begun) > grace {
			idle = ""
		}
		if _, err := source.query(ctx, "SELECT pg_catalog.pg_terminate_backend(pid)"+theirs+idle, since); err != nil {
			return false, err
		}
		left, err := source.one(ctx, "SELECT pg_catalog.count(*)"+theirs, since)
		if err != nil || left != "0" {
			return false, err
		}
		left, err = source.one(ctx, "SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_xacts WHERE database = pg_catalog.current_database()")
		if err == nil && left != "0" {
			err = errors.New("there are prepared transactions, which are the clients' to end")
		}
		return err == nil, err
	})
}

// letWrite takes back what stopWriters has set.
func letWrite(ctx context.Context, source *session) error {
	name, err := source.one(ctx, "SELECT pg_catalog.current_database()")
	if err != nil {
		return err
	}
	return source.script(ctx, "ALTER DATABASE "+identifier(name)+" RESET default_transaction_read_only")
}

// setSequences makes SQL that sets all sequences: the stream does not carry where they are.
const setSequences = `SELECT pg_catalog.format('SELECT pg_catalog.setval(%L, %s, %L);', pg_catalog.format('%I.%I', n.nspname, c.relname), d.last_value, d.is_called)
	FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
	pg_catalog.pg_get_sequence_data(s.seqrelid) d WHERE d.last_value IS NOT NULL AND c.relpersistence <> 't'`

// snapshots are sessions that see both databases as they are when nobody writes to either.
type snapshots struct{ source, target *session }

func (m *mover) openSnapshots(ctx context.Context) (*snapshots, error) {
	source, err := m.o.Source.open(ctx, nil)
	if err != nil {
		return nil, err
	}
	target, err := m.o.Target.open(ctx, nil)
	if err != nil {
		source.close()
		return nil, err
	}
	return &snapshots{source, target}, nil
}

// begin takes the snapshots. A lock keeps the clients from emptying a table at the target by TRUNCATE, which snapshots do not keep
// apart.
func (s *snapshots) begin(ctx context.Context, tables []table) error {
	const begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	if err := s.source.script(ctx, begin, "SELECT 1"); err != nil {
		return err
	}
	if err := s.target.script(ctx, begin, "SELECT 1"); err != nil || len(tables) == 0 {
		return err
	}
	var names []string
	for _, t := range tables {
		names = append(names, "ONLY "+t.quoted())
	}
	return s.target.script(ctx, "LOCK TABLE "+strings.Join(names, ", ")+" IN ACCESS SHARE MODE")
}

func (s *snapshots) close() {
	s.source.close()
	s.target.close()
}

// finish does what need not be done in the pause, and takes away what the move has made on both servers. Without snapshots, after a
// run that broke off, the clients are sent once more and nothing is compared: they may have written to the target.
func (m *mover) finish(ctx context.Context) error {
	if both := m.both; both != nil {
		m.both = nil
		err := m.compare(ctx, both)
		both.close() // their locks would be in the way of what follows
		if err != nil {
			return err
		}
	} else if err := m.switchClients(ctx); err != nil {
		return err
	}
	views, err := m.target.column(ctx, `SELECT pg_catalog.format('REFRESH MATERIALIZED VIEW %I.%I;', n.nspname, c.relname)`+fromTables+
		`WHERE c.relkind = 'm' AND c.relispopulated ORDER BY c.oid`)
	if err != nil {
		return err
	}
	if err := m.target.script(ctx, views...); err != nil {
		return fmt.Errorf("refresh the materialized views: %w", err)
	}
	if err := dropSlot(ctx, m.source, m.slot); err != nil {
		return err
	}
	if err := unguard(ctx, m.source, m.slot); err != nil {
		return err
	}
	return m.target.script(ctx, "SET client_min_messages = warning; DROP SCHEMA "+schema+" CASCADE")
}

// compare adds up the rows of both databases.
func (m *mover) compare(ctx context.Context, both *snapshots) error {
	m.tell(Progress{Stage: StageCompare})
	want, err := backup.Sums(ctx, both.source.PgConn)
	if err != nil {
		return err
	}
	got, err := backup.Sums(ctx, both.target.PgConn)
	if err != nil {
		return err
	}
	m.result.Differences = backup.Differences(withoutState(want), withoutState(got))
	m.result.Compared = true
	for _, t := range want {
		m.result.Tables++
		m.result.Rows += t.Rows
	}
	return nil
}

func withoutState(all []backup.Table) (theirs []backup.Table) {
	for _, t := range all {
		if t.Schema != schema {
			theirs = append(theirs, t)
		}
	}
	return theirs
}
