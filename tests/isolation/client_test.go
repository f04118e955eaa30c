package isolation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg/tests/history"
)

// The lists are rows of three tables, which PostgreSQL's predicate locks treat differently: by a B-tree, where the row is made by
// the first append; by a hash index, and by no index at all, where the rows are there from the beginning.
const schema = `
	CREATE TABLE tree (key int PRIMARY KEY, list text NOT NULL);
	CREATE TABLE hash (key int NOT NULL, list text NOT NULL);
	CREATE INDEX ON hash USING hash (key);
	CREATE TABLE heap (key int NOT NULL, list text NOT NULL) WITH (fillfactor = 50);`

// A table is how its lists are read and appended to.
type table struct{ name, read, add string }

var tables = []table{
	{
		"tree", "SELECT list FROM tree WHERE key = $1",
		"INSERT INTO tree AS t VALUES ($1, ',' || $2::text) ON CONFLICT (key) DO UPDATE SET list = t.list || excluded.list",
	},
	{"hash", "SELECT list FROM hash WHERE key = $1", "UPDATE hash SET list = list || ',' || $2::text WHERE key = $1"},
	{"heap", "SELECT list FROM heap WHERE key = $1", "UPDATE heap SET list = list || ',' || $2::text WHERE key = $1"},
}

const (
	spread = 6    // how many lists of a table are in use at once
	perKey = 40   // after so many appends, about, they are left for new ones
	lists  = 2000 // of each table that has them from the beginning: enough for 240,000 appends
)

// A workload is what clients do on one server, or one after the other in the same directory, and what they saw.
type workload struct {
	level  history.Level // that the clients ask for
	seed   uint64
	moment func() int64 // of the history; a clock that only moves forward
	name   string       // before the identifiers of prepared transactions

	values atomic.Int64
	mu     struct {
		sync.Mutex
		txns []*history.Txn
		left int    // transactions to be committed before done is called
		done func() // nil: no more
	}
}

// until has done be called when n more transactions are committed.
func (w *workload) until(n int, done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.left, w.mu.done = n, done
}

// note adds a transaction to the history.
func (w *workload) note(txn *history.Txn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.txns = append(w.mu.txns, txn)
	if txn.Outcome != history.Committed || w.mu.done == nil {
		return
	}
	if w.mu.left--; w.mu.left <= 0 {
		w.mu.done()
		w.mu.done = nil
	}
}

// key chooses a list: those in use move on with the values that were appended.
func (w *workload) key(rng *rand.Rand, t int) int {
	first := int(w.values.Load()) / (perKey * len(tables) * spread) * spread
	return first + rng.IntN(spread)
}

// keys is how many lists of a table there are at most, after so many appends.
func keys(appends int) int { return (appends/(perKey*len(tables)*spread) + 1) * spread }

// A client runs one transaction after the other in a session.
type client struct {
	*workload
	id   int
	rng  *rand.Rand
	conn *pgx.Conn
	txn  *history.Txn
	made int // prepared transactions
}

// run connects and runs transactions until ctx ends or the session is lost, which it reports.
func (w *workload) run(ctx context.Context, id int, connect func(context.Context) (*pgx.Conn, error)) error {
	conn, err := connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	c := &client{workload: w, id: id, conn: conn, rng: rand.New(rand.NewPCG(w.seed, uint64(id)<<32+uint64(w.values.Load())))}
	for ctx.Err() == nil {
		if err := c.transaction(ctx); err != nil {
			return err
		}
	}
	return nil
}

// transaction runs one. An error is that the session is lost; that PostgreSQL has refused a transaction is none.
func (c *client) transaction(ctx context.Context) error {
	c.txn = &history.Txn{Client: c.id, Outcome: history.Unknown, Begin: c.moment()}
	err := c.body(ctx)
	if err == nil {
		err = c.commit(ctx)
	} else {
		c.txn.Outcome = history.Aborted // no commit was asked for
	}
	c.txn.End = c.moment()
	c.note(c.txn)
	if err == nil {
		return nil
	}
	if !refused(err) {
		return err
	}
	_, err = c.conn.Exec(ctx, "ROLLBACK")
	return err
}

// refused reports whether PostgreSQL has ended a transaction by its rights: serialization failure, deadlock, two first appends at
// once.
func refused(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01" || e.Code == "23505")
}

func (c *client) body(ctx context.Context) error {
	if _, err := c.conn.Exec(ctx, "BEGIN ISOLATION LEVEL "+c.level.String()); err != nil {
		return err
	}
	for range 1 + c.rng.IntN(5) {
		t := c.rng.IntN(len(tables))
		key := c.key(c.rng, t)
		var err error
		switch n := c.rng.IntN(20); {
		case n < 9:
			err = c.append(ctx, t, key, false)
		case n < 10:
			err = c.undone(ctx, t, key)
		default:
			err = c.read(ctx, t, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *client) append(ctx context.Context, t, key int, undone bool) error {
	v := c.values.Add(1)
	// Noted before it is known to have happened: it may have.
	c.txn.Ops = append(c.txn.Ops, history.Op{Key: name(t, key), Append: int(v), Undone: undone})
	tag, err := c.conn.Exec(ctx, tables[t].add, key, fmt.Sprint(v))
	if err == nil && tag.RowsAffected() != 1 {
		err = fmt.Errorf("%s: %d rows of list %d", tables[t].name, tag.RowsAffected(), key)
	}
	return err
}

// undone appends and rolls that back.
func (c *client) undone(ctx context.Context, t, key int) error {
	if _, err := c.conn.Exec(ctx, "SAVEPOINT s"); err != nil {
		return err
	}
	if err := c.append(ctx, t, key, true); err != nil {
		return err
	}
	_, err := c.conn.Exec(ctx, "ROLLBACK TO SAVEPOINT s")
	return err
}

func (c *client) read(ctx context.Context, t, key int) error {
	var text string
	err := c.conn.QueryRow(ctx, tables[t].read, key).Scan(&text)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	list, err := parse(text)
	c.txn.Ops = append(c.txn.Ops, history.Op{Key: name(t, key), Read: list})
	return err
}

// commit ends the transaction, one in twelve by two phases.
func (c *client) commit(ctx context.Context) error {
	sql := []string{"COMMIT"}
	if c.rng.IntN(12) == 0 {
		id := fmt.Sprintf("'%s %d %d'", c.name, c.id, c.made)
		c.made++
		sql = []string{"PREPARE TRANSACTION " + id, "COMMIT PREPARED " + id}
	}
	for _, q := range sql {
		tag, err := c.conn.Exec(ctx, q)
		if err == nil && tag.String() == "ROLLBACK" {
			return fmt.Errorf("%s is answered by a rollback", q)
		}
		if err != nil {
			if refused(err) {
				c.txn.Outcome = history.Aborted
			}
			return err
		}
	}
	c.txn.Outcome = history.Committed
	return nil
}

func name(t, key int) string { return fmt.Sprintf("%s %d", tables[t].name, key) }

func parse(list string) (values []int, err error) {
	for _, s := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' }) {
		var v int
		if _, err := fmt.Sscanf(s, "%d", &v); err != nil {
			return nil, fmt.Errorf("list %q: %w", list, err)
		}
		values = append(values, v)
	}
	return values, nil
}

// prepare makes the tables, and the lists that must be there.
func prepare(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, schema+fmt.Sprintf(`
		INSERT INTO hash SELECT g, '' FROM generate_series(0, %[1]d) g;
		INSERT INTO heap SELECT g, '' FROM generate_series(0, %[1]d) g;`, lists))
	return err
}

// finish commits the prepared transactions whose names are like that: what clients have left that lost their session between
// the two phases.
func finish(ctx context.Context, conn *pgx.Conn, like string) error {
	rows, err := conn.Query(ctx, "SELECT gid FROM pg_prepared_xacts WHERE gid LIKE $1", like)
	if err != nil {
		return err
	}
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, gid := range left {
		if err == nil {
			_, err = conn.Exec(ctx, "COMMIT PREPARED '"+gid+"'")
		}
	}
	return err
}

// last finishes what is prepared, and reads all lists.
func last(ctx context.Context, conn *pgx.Conn) (map[string][]int, error) {
	if err := finish(ctx, conn, "%"); err != nil {
		return nil, err
	}
	lists := map[string][]int{}
	for t := range tables {
		rows, err := conn.Query(ctx, "SELECT key, list FROM "+tables[t].name)
		if err != nil {
			return nil, err
		}
		var key int
		var text string
		_, err = pgx.ForEachRow(rows, []any{&key, &text}, func() (err error) {
			lists[name(t, key)], err = parse(text)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return lists, nil
}

// retry calls connect until it succeeds or ctx ends: a server that was killed is away for a moment.
func retry(ctx context.Context, connect func(context.Context) (*pgx.Conn, error)) (*pgx.Conn, error) {
	for {
		conn, err := connect(ctx)
		if err == nil || ctx.Err() != nil {
			return conn, err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
