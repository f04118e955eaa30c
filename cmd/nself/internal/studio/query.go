package studio

import (
	"context"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg/internal/migrate"
)

// Query asks for statements to be run, one after the other, in a session of their own.
type Query struct {
	in
	SQL      string `json:"sql"`
	ReadOnly bool   `json:"read_only"`
}

// What a query answers with, a line each: of every statement a Started, then Columns and Batches if it gives rows, and Done.
type (
	// Started is the beginning of a statement.
	Started struct {
		Kind string `json:"kind"` // statement
		At   int    `json:"at"`   // which one, from 1
		Of   int    `json:"of"`
		PID  uint32 `json:"pid"` // of the session
	}
	// Columns are a result's.
	Columns struct {
		Kind    string         `json:"kind"` // columns
		Columns []ResultColumn `json:"columns"`
	}
	// Batch is some of a result's rows.
	Batch struct {
		Kind string  `json:"kind"` // rows
		Rows [][]any `json:"rows"`
	}
	// Done is the end of a statement.
	Done struct {
		Kind string  `json:"kind"` // done
		Tag  string  `json:"tag"`
		More bool    `json:"more"` // there are more rows than these
		Open bool    `json:"open"` // a transaction is open, which ends with the session
		Time float64 `json:"time"` // seconds
	}
	// Notice is what the server says besides.
	Notice struct {
		Kind     string `json:"kind"` // notice
		Severity string `json:"severity"`
		Message  string `json:"message"`
	}
)

// ResultColumn is a column of a result.
type ResultColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// maxCell is the most of a value in a query's result, in characters.
const maxCell = 2000

// query runs statements. They are a session's of their own, which ends with them: no setting, temporary table or open
// transaction stays behind in a connection of the pool.
func (s *Studio) query(ctx context.Context, q Query, send func(any)) error {
	began := time.Now()
	rows, err := s.runAll(ctx, q, s.config.Rows, send)
	entry := Entry{At: began, Database: q.Database, SQL: q.SQL, Seconds: time.Since(began).Seconds(), Rows: rows}
	if err != nil {
		entry.Error = explain(err).Message
	}
	if herr := s.history.add(entry); herr != nil {
		send(Notice{"notice", "WARNING", "the query is not in the history: " + herr.Error()})
	}
	return err
}

func (s *Studio) runAll(ctx context.Context, q Query, limit int, send func(any)) (rows int, err error) {
	statements, err := migrate.Statements(q.SQL)
	if err == nil && len(statements) == 0 {
		err = &wrong{failure{Message: "there is no statement"}, http.StatusBadRequest}
	}
	if err != nil {
		return 0, err
	}
	c, err := s.session(ctx, q.Database, send)
	if err != nil {
		return 0, err
	}
	defer c.Close(context.WithoutCancel(ctx))
	for i, at := range statements {
		send(Started{"statement", i + 1, len(statements), c.PgConn().PID()})
		r := &result{send: send, limit: limit}
		if err := s.runOne(ctx, c.PgConn(), q.SQL[at.First:at.End], q.ReadOnly || s.config.ReadOnly, r); err != nil {
			return rows, moved(err, utf8.RuneCountInString(q.SQL[:at.First]))
		}
		rows += r.rows
	}
	return rows, nil
}

// session connects for one query.
func (s *Studio) session(ctx context.Context, database string, send func(any)) (*pgx.Conn, error) {
	c, err := s.connConfig(database)
	if err != nil {
		return nil, err
	}
	c.ConnConfig.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { send(Notice{"notice", n.Severity, n.Message}) }
	return pgx.ConnectConfig(ctx, c.ConnConfig)
}

// runOne runs one statement. To change nothing, it is run in a read-only transaction of its own: as the
// statement is one alone, and the transaction has a snapshot, it cannot be made another.
func (s *Studio) runOne(ctx context.Context, c *pgconn.PgConn, sql string, readOnly bool, r *result) error {
	if readOnly {
		if _, err := c.Exec(ctx, "BEGIN READ ONLY; SELECT 1").ReadAll(); err != nil {
			return err
		}
	}
	began := time.Now()
	err := portal(ctx, c, sql, r)
	took := time.Since(began).Seconds()
	if readOnly && !c.IsClosed() {
		if _, e := c.Exec(ctx, "ROLLBACK").ReadAll(); err == nil {
			err = e
		}
	}
	if err != nil {
		return err
	}
	r.flush()
	r.send(Done{"done", r.tag, r.more, !readOnly && c.TxStatus() != 'I', took})
	return nil
}

// moved is an error whose position is counted from a place before the statement.
func moved(err error, by int) error {
	if err == nil {
		return nil
	}
	f := explain(err)
	if f.Position == 0 {
		return err
	}
	f.Position += by
	return &wrong{f, http.StatusUnprocessableEntity}
}

// result passes a statement's rows on.
type result struct {
	send  func(any)
	limit int
	rows  int
	more  bool
	tag   string
	batch [][]any
	size  int
}

func (r *result) columns(fields []ResultColumn) { r.send(Columns{"columns", fields}) }

func (r *result) row(values [][]byte) error {
	if r.limit > 0 && r.rows == r.limit {
		r.more = true
		return nil
	}
	r.rows++
	row := make([]any, len(values))
	for i, v := range values {
		row[i] = short(v)
		r.size += min(len(v), maxCell) + 8
	}
	r.batch = append(r.batch, row)
	if r.size > 64<<10 {
		r.flush()
	}
	return nil
}

func (r *result) flush() {
	if len(r.batch) > 0 {
		r.send(Batch{"rows", r.batch})
	}
	r.batch, r.size = nil, 0
}

// short is a value, or its beginning if it is long.
func short(v []byte) any {
	if v == nil {
		return nil
	}
	if len(v) <= maxCell {
		return string(v)
	}
	n := maxCell
	for n > 0 && !utf8.RuneStart(v[n]) {
		n--
	}
	return struct {
		cut
		Bytes int `json:"bytes"`
	}{cut{string(v[:n])}, len(v)}
}

// errCopy says that data cannot be passed through the page.
func errCopy(direction string) error {
	return &wrong{failure{Message: fmt.Sprintf("COPY %s is not possible here", direction), Hint: "use nself psql, or Export for a query's result"}, http.StatusUnprocessableEntity}
}
