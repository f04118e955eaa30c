package backup

import (
	"context"
	"strconv"
	"strings"
	"sync"
)

// dumpMeter tells how far pg_dump is, in bytes of the tables on the server: those that are done, and the part of the one in hand that
// PostgreSQL's own view of COPY tells.
type dumpMeter struct {
	progress func(Progress)
	path     string // of the backup
	tables   map[string]dumpedTable
	total    int64 // bytes of all tables

	mu struct {
		sync.Mutex
		done int64  // bytes of the tables that are done
		item string // the table in hand, "" before the first
		part int64  // bytes of it that are done
	}
}

// dumpedTable is what is known of a table before it is dumped.
type dumpedTable struct{ bytes, rows int64 }

// newDumpMeter looks at the tables in the session's snapshot.
func newDumpMeter(ctx context.Context, s *session, progress func(Progress), path string) (*dumpMeter, error) {
	m := &dumpMeter{progress: progress, path: path, tables: map[string]dumpedTable{}}
	rows, err := s.query(ctx, "SELECT n.nspname || '.' || c.relname, pg_catalog.pg_table_size(c.oid), c.reltuples::int8 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE "+isTable)
	for _, r := range rows {
		bytes, _ := strconv.ParseInt(r[1], 10, 64) // they are numbers
		count, _ := strconv.ParseInt(r[2], 10, 64)
		m.tables[r[0]] = dumpedTable{bytes, count}
		m.total += bytes
	}
	return m, err
}

// line takes a line of pg_dump --verbose: dumpTableData_copy in src/bin/pg_dump/pg_dump.c.
func (m *dumpMeter) line(text string) {
	_, table, ok := strings.Cut(text, "dumping contents of table ")
	if !ok {
		return
	}
	m.mu.Lock()
	m.mu.done += m.tables[m.mu.item].bytes
	m.mu.item, m.mu.part = strings.Trim(table, `"`), 0
	m.mu.Unlock()
	m.tell()
}

func (m *dumpMeter) tell() {
	m.mu.Lock()
	p := Progress{Stage: StageDump, Done: min(m.mu.done+m.mu.part, m.total), Total: m.total, Item: m.mu.item}
	m.mu.Unlock()
	p.Bytes = sizeOf(m.path)
	m.progress(p)
}

// end tells that the dump is whole.
func (m *dumpMeter) end() {
	m.progress(Progress{Stage: StageDump, Done: m.total, Total: m.total, Bytes: sizeOf(m.path)})
}

// watch tells now and then until stop is called. It asks for the part of the table in hand in a session of its own, if the
// server has one to spare, and the view, which 14 brought.
func (m *dumpMeter) watch(ctx context.Context, t Target, database string) (stop func()) {
	s, err := t.connect(ctx, database)
	if err != nil {
		s = nil
	}
	still := ticking(ctx, func() {
		if s != nil && m.ask(ctx, s) != nil {
			s.close()
			s = nil
		}
		m.tell()
	})
	return sync.OnceFunc(func() {
		still()
		if s != nil {
			s.close()
		}
	})
}

// ask looks how far COPY is in the table in hand.
func (m *dumpMeter) ask(ctx context.Context, s *session) error {
	rows, err := s.query(ctx, `SELECT n.nspname || '.' || c.relname, p.tuples_processed, p.bytes_processed FROM pg_catalog.pg_stat_progress_copy p
		JOIN pg_catalog.pg_class c ON c.oid = p.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE p.datname = pg_catalog.current_database() AND p.command = 'COPY TO'`)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range rows {
		if r[0] != m.mu.item {
			continue
		}
		t := m.tables[r[0]]
		tuples, _ := strconv.ParseInt(r[1], 10, 64)
		bytes, _ := strconv.ParseInt(r[2], 10, 64)
		if t.rows > 0 { // else nobody has counted them, and the text is about as long as the table
			bytes = int64(float64(t.bytes) * float64(tuples) / float64(t.rows))
		}
		m.mu.part = max(m.mu.part, min(bytes, t.bytes))
	}
	return err
}
