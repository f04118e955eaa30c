package stress

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// A session is one client's present connection.
type session struct {
	*pgx.Conn
	load   *load
	client int
	rng    *rand.Rand
	notify bool // the next transfer sends a notification
}

// client works until told to stop. Its connection may be terminated at any moment; then it opens another.
func (l *load) client(ctx context.Context, client int, stop *atomic.Bool) error {
	s := &session{load: l, client: client, rng: l.rngs[client]}
	defer func() {
		if s.Conn != nil {
			s.Close(ctx)
		}
	}()
	for !stop.Load() {
		if s.Conn == nil || s.IsClosed() {
			conn, err := l.connect(ctx, "client", client%2 == 0)
			if err != nil && !provoked(err) {
				// The backend may be terminated before it has authenticated the client, and then only closes.
				l.count("connections terminated while opened")
				if ctx.Err() != nil {
					return err
				}
				continue
			}
			if err != nil {
				continue
			}
			s.Conn = conn
			l.count("connections")
		}
		what, err := s.something(ctx)
		if err == nil {
			l.count(what)
			continue
		}
		if !provoked(err) && !s.IsClosed() {
			return fmt.Errorf("%s: %w", what, err)
		}
		l.count(what + " given up")
		if !s.IsClosed() && s.PgConn().TxStatus() != 'I' {
			s.Exec(ctx, "ROLLBACK")
		}
	}
	return nil
}

// something does one random thing.
func (s *session) something(ctx context.Context) (what string, err error) {
	switch n := s.rng.IntN(200); {
	case n < 140:
		s.notify = n < 5
		return "transfers", s.transfer(ctx)
	case n < 150:
		return "temporary tables", s.temporary(ctx)
	case n < 158:
		return "table changes", s.ddl(ctx)
	case n < 168:
		return "parallel queries", s.parallel(ctx)
	case n < 176:
		return "cancels", s.cancel(ctx)
	case n < 184:
		return "errors", s.mistake(ctx)
	case n < 190:
		return "cursors", s.cursor(ctx)
	case n < 196:
		return "large values", s.large(ctx)
	default:
		err := s.Close(ctx)
		return "reconnects", err
	}
}

// transfer is a transaction after TPC-B, with a number of its own.
func (s *session) transfer(ctx context.Context) error {
	l := s.load
	l.seq[s.client]++ // a number is used once, also of a transaction that is rolled back
	seq, delta, account := l.seq[s.client], s.rng.Int64N(10000)-5000, 1+s.rng.IntN(accounts)
	statements := []struct {
		sql  string
		args []any
	}{
		{"BEGIN", nil},
		{"UPDATE accounts SET balance = balance + $1 WHERE id = $2", []any{delta, account}},
		{"INSERT INTO history VALUES ($1, $2, $3, repeat('n', $4::int))", []any{s.client, seq, delta, s.rng.IntN(100)}},
		{"UPDATE tellers SET balance = balance + $1 WHERE id = $2", []any{delta, 1 + s.rng.IntN(tellers)}},
		{"UPDATE branches SET balance = balance + $1 WHERE id = $2", []any{delta, 1 + s.rng.IntN(branches)}},
	}
	if s.notify {
		statements = append(statements, struct {
			sql  string
			args []any
		}{"SELECT pg_notify('news', $1)", []any{fmt.Sprintf("%d %d", s.client, seq)}})
	}
	for _, st := range statements {
		if _, err := s.Exec(ctx, st.sql, st.args...); err != nil {
			return err
		}
	}
	if s.rng.IntN(20) == 0 {
		_, err := s.Exec(ctx, "ROLLBACK")
		return err
	}
	tag, err := s.Exec(ctx, "COMMIT")
	switch {
	case err != nil:
		l.unknown.Add(1)
	case tag.String() == "COMMIT":
		l.acked.Add(1)
	default:
		return fmt.Errorf("COMMIT was answered with %s", tag)
	}
	return err
}

func (s *session) temporary(ctx context.Context) error {
	onCommit := []string{"DROP", "DELETE ROWS"}[s.rng.IntN(2)]
	name := fmt.Sprintf("temporary_%d", s.rng.IntN(1000))
	return s.all(ctx,
		"BEGIN",
		"CREATE TEMP TABLE IF NOT EXISTS "+name+" (id int PRIMARY KEY, balance bigint) ON COMMIT "+onCommit,
		fmt.Sprintf("INSERT INTO %s SELECT id, balance FROM accounts WHERE id %% 100 = %d ON CONFLICT DO NOTHING", name, s.rng.IntN(100)),
		"CREATE TEMP TABLE spilled ON COMMIT DROP AS SELECT g, md5(g::text) FROM generate_series(1, 500) g",
		"SELECT count(*) FROM "+name+" t JOIN accounts a USING (id) JOIN spilled ON g = a.id % 500",
		"COMMIT",
		"DROP TABLE IF EXISTS "+name)
}

// ddl makes, changes and drops a table of the client's own.
func (s *session) ddl(ctx context.Context) error {
	table := fmt.Sprintf("own_%d", s.client)
	return s.all(ctx,
		"DROP TABLE IF EXISTS "+table,
		"CREATE TABLE "+table+" (i int PRIMARY KEY, t text)",
		"INSERT INTO "+table+" SELECT g, repeat(md5(g::text), 5) FROM generate_series(1, 200) g",
		"CREATE INDEX ON "+table+" (t)",
		"ALTER TABLE "+table+" ADD COLUMN n numeric DEFAULT random() * 1000",
		"ALTER TABLE "+table+" ALTER COLUMN n TYPE text",
		"VACUUM "+table,
		"TRUNCATE "+table,
		"DROP TABLE "+table)
}

// parallel sums all balances in one snapshot, with workers.
func (s *session) parallel(ctx context.Context) error {
	if err := s.all(ctx, "SET parallel_setup_cost = 0", "SET parallel_tuple_cost = 0", "SET min_parallel_table_scan_size = 0"); err != nil {
		return err
	}
	var difference int64
	err := s.QueryRow(ctx, "SELECT ((SELECT sum(balance) FROM accounts) - (SELECT sum(balance) FROM branches))::bigint").Scan(&difference)
	if err == nil && difference != 0 {
		err = fmt.Errorf("in one snapshot, accounts and branches differ by %d", difference)
	}
	return err
}

// cancel gives a long query up after a moment, by a cancel request. The query says when it has begun: a request that
// comes before has nothing to cancel.
func (s *session) cancel(ctx context.Context) error {
	const begun = "begun"
	long := "pg_sleep(60)"
	if s.rng.IntN(2) == 0 {
		long = "count(*) FROM generate_series(1, 100000000) a WHERE a % 7 = 3"
	}
	moment := time.Duration(1+s.rng.IntN(50)) * time.Millisecond
	cancelled := make(chan error, 1)
	var timer *time.Timer
	s.PgConn().CustomData()[begun] = func() {
		timer = time.AfterFunc(moment, func() { cancelled <- s.PgConn().CancelRequest(ctx) })
	}
	_, err := s.Exec(ctx, "DO $$ BEGIN RAISE NOTICE '"+begun+"'; PERFORM "+long+"; END $$")
	if timer == nil || timer.Stop() {
		return err // another session's cancel came first
	}
	if e := <-cancelled; e != nil && !s.IsClosed() {
		return e
	}
	// The request may have come too late for this query, and would then hit a later one: a round trip lets it.
	s.Exec(ctx, "SELECT pg_sleep(0.01)")
	if err == nil {
		return errors.New("the query ran to its end")
	}
	if provoked(err) {
		return nil
	}
	return err
}

// mistake makes errors, in and outside of subtransactions.
func (s *session) mistake(ctx context.Context) error {
	sql := []string{
		"SELECT 1 / 0",
		"INSERT INTO branches VALUES (1, 0)",
		`DO $$ BEGIN FOR i IN 1..200 LOOP BEGIN PERFORM 1 / (i - i); EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$`,
	}[s.rng.IntN(3)]
	_, err := s.Exec(ctx, sql)
	if strings.HasPrefix(sql, "DO") || err != nil && !provoked(err) {
		return err
	}
	if err == nil {
		return fmt.Errorf("%s succeeded", sql)
	}
	return nil
}

// cursor begins with what a cancelled one before it may have left.
func (s *session) cursor(ctx context.Context) error {
	return s.all(ctx, "CLOSE ALL", "BEGIN", "DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT * FROM accounts ORDER BY filler, id LIMIT 2000", "FETCH 50 FROM c",
		"COMMIT", "MOVE LAST FROM c", "FETCH BACKWARD 10 FROM c", "CLOSE c")
}

// large puts values of some hundred kilobytes into TOAST and takes them away again.
func (s *session) large(ctx context.Context) error {
	table := fmt.Sprintf("large_%d", s.client)
	return s.all(ctx, "CREATE TABLE IF NOT EXISTS "+table+" (i int, t text)",
		fmt.Sprintf("INSERT INTO %s SELECT %d, string_agg(md5((g * random())::text), '') FROM generate_series(1, %d) g", table, s.rng.IntN(5), 100+s.rng.IntN(10000)),
		fmt.Sprintf("UPDATE %s SET t = t || 'x' WHERE i = %d", table, s.rng.IntN(5)),
		fmt.Sprintf("DELETE FROM %s WHERE i <> %d", table, s.rng.IntN(5)))
}

// all runs statements one after the other.
func (s *session) all(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := s.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%.80s: %w", sql, err)
		}
	}
	return nil
}
