package crash

import (
	"context"
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// A worker is one client of the workload. It makes transactions of random statements, on rows and tables that are
// its own though they share pages with those of others, and keeps the model of them.
type worker struct {
	id       int
	rng      *rand.Rand
	conn     *pgx.Conn
	position func() int // of the disk's journal
	steps    []*Step
	state    State // after all steps
	ids      int   // of rows and tables, ever used
}

func newWorker(id int, seed uint64, position func() int) *worker {
	return &worker{id: id, rng: rand.New(rand.NewPCG(seed, uint64(id)+1)), position: position, state: State{"notes": {}}}
}

// gid names a transaction in two phases.
func gid(client, step int) string { return fmt.Sprintf("client %d step %d", client, step) }

// step makes one transaction. After an error the last of w.steps may or may not have been committed if its Acked
// is -1; settle finds out.
func (w *worker) step(ctx context.Context) error {
	tx := &attempt{worker: w, ctx: ctx, next: w.state.clone(), step: &Step{Acked: -1}}
	tx.exec("BEGIN")
	for range 1 + w.rng.IntN(4) {
		tx.statement()
	}
	if w.rng.IntN(4) == 0 {
		tx.exec("UPDATE counter SET n = n + 1")
		tx.step.Counts = 1
	}
	number := len(w.steps) + 1
	tx.exec("UPDATE progress SET seq = $1 WHERE client = $2", number, w.id)
	if tx.err != nil {
		return tx.err
	}
	s := tx.step
	switch w.rng.IntN(12) {
	case 0:
		tx.exec("ROLLBACK")
		return tx.err
	case 1:
		s.TwoPhase = true
		s.PrepareEnd = -1
		s.PrepareBegun = w.position()
		s.Begun = s.PrepareBegun
		w.steps = append(w.steps, s)
		if tx.exec("PREPARE TRANSACTION '" + gid(w.id, number) + "'"); tx.err != nil {
			return tx.err
		}
		s.PrepareEnd = w.position()
		s.Begun = s.PrepareEnd
		tx.exec("COMMIT PREPARED '" + gid(w.id, number) + "'")
	default:
		s.Begun = w.position()
		w.steps = append(w.steps, s)
		tx.exec("COMMIT")
	}
	if tx.err != nil {
		return tx.err
	}
	s.Acked = w.position()
	w.state = tx.next
	return nil
}

// settle finds out, on a new connection, whether the last transaction was committed.
func (w *worker) settle(ctx context.Context) error {
	if len(w.steps) == 0 || w.steps[len(w.steps)-1].Acked >= 0 {
		return nil
	}
	number := len(w.steps)
	last := w.steps[number-1]
	if last.TwoPhase {
		var prepared bool
		if err := w.conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_prepared_xacts WHERE gid = $1)", gid(w.id, number)).Scan(&prepared); err != nil {
			return err
		}
		if prepared {
			if last.PrepareEnd < 0 {
				last.PrepareEnd = w.position()
			}
			if _, err := w.conn.Exec(ctx, "COMMIT PREPARED '"+gid(w.id, number)+"'"); err != nil {
				return err
			}
		}
	}
	// A backend that died may not be noticed yet: what it was writing then looks undone, and recovery brings it back. It
	// holds the row's lock until then; if it lives and prepares its transaction, for longer, and is to be asked again.
	if _, err := w.conn.Exec(ctx, "SET lock_timeout = '2s'"); err != nil {
		return err
	}
	var seq int
	if err := w.conn.QueryRow(ctx, "SELECT seq FROM progress WHERE client = $1 FOR UPDATE", w.id).Scan(&seq); err != nil {
		return err
	}
	if _, err := w.conn.Exec(ctx, "RESET lock_timeout"); err != nil {
		return err
	}
	switch seq {
	case number:
		last.Acked = w.position()
		w.state.apply(last)
	case number - 1:
		w.steps = w.steps[:number-1]
	default:
		return fmt.Errorf("client %d: %d transactions are there, of %d or %d", w.id, seq, number-1, number)
	}
	return nil
}

// An attempt is a transaction being made: next is the state if it commits.
type attempt struct {
	*worker
	ctx  context.Context
	step *Step
	next State
	err  error
}

func (tx *attempt) exec(sql string, args ...any) {
	if tx.err == nil {
		if _, err := tx.conn.Exec(tx.ctx, sql, args...); err != nil {
			tx.err = fmt.Errorf("%.100s: %w", sql, err)
		}
	}
}

func (tx *attempt) did(e Effect) {
	tx.step.Effects = append(tx.step.Effects, e)
	tx.next.apply(&Step{Effects: []Effect{e}})
}

// body is a text of the given size that does not compress to nothing.
func (tx *attempt) body() string {
	size := 10 + tx.rng.IntN(200)
	if tx.rng.IntN(10) == 0 {
		size = 3000 + tx.rng.IntN(30000)
	}
	var b strings.Builder
	for b.Len() < size {
		fmt.Fprintf(&b, "%016x", tx.rng.Uint64())
	}
	return b.String()[:size]
}

// some returns up to n ids of a table, in order.
func (tx *attempt) some(table string, n int) []int {
	var ids []int
	for id := range tx.next[table] {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	tx.rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	ids = ids[:min(n, len(ids))]
	slices.Sort(ids)
	return ids
}

func (tx *attempt) own() []string {
	var names []string
	for name := range tx.next {
		if name != "notes" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (tx *attempt) statement() {
	own := tx.own()
	switch kind := tx.rng.IntN(20); {
	case kind < 6:
		tx.insertNote()
	case kind < 10:
		tx.updateNotes()
	case kind < 12:
		tx.deleteNotes()
	case kind < 13:
		tx.exec("SAVEPOINT s")
		tx.exec("INSERT INTO notes VALUES ($1, -1, 0, NULL, $2)", tx.id, tx.body())
		tx.exec("CREATE TABLE never (i int)")
		tx.exec("ROLLBACK TO SAVEPOINT s")
	case kind < 15 && len(own) < 3:
		tx.createTable()
	case len(own) == 0:
		tx.insertNote()
	case kind < 17:
		tx.fill(own[tx.rng.IntN(len(own))])
	case kind < 18:
		table := own[tx.rng.IntN(len(own))]
		tx.exec("TRUNCATE " + table)
		tx.did(Effect{What: "empty", Table: table})
	case kind < 19:
		table := own[tx.rng.IntN(len(own))]
		tx.exec("DROP TABLE " + table)
		tx.did(Effect{What: "drop", Table: table})
	default:
		tx.exec("CREATE INDEX ON " + own[tx.rng.IntN(len(own))] + " (n)")
	}
}

func (tx *attempt) insertNote() {
	tx.ids++
	id, n, body := tx.ids, tx.rng.IntN(1000), tx.body()
	tx.exec("INSERT INTO notes VALUES ($1, $2, $3, ARRAY[$3::int % 7, $3::int % 11], $4)", tx.id, id, n, body)
	tx.did(Effect{"put", "notes", id, rowValue(n, body)})
}

func (tx *attempt) updateNotes() {
	for _, id := range tx.some("notes", 1+tx.rng.IntN(3)) {
		n, body := tx.rng.IntN(1000), tx.body()
		tx.exec("UPDATE notes SET n = $3, tags = tags || $3::int, body = $4 WHERE client = $1 AND id = $2", tx.id, id, n, body)
		tx.did(Effect{"put", "notes", id, rowValue(n, body)})
	}
}

func (tx *attempt) deleteNotes() {
	ids := tx.some("notes", 1+tx.rng.IntN(4))
	tx.exec("DELETE FROM notes WHERE client = $1 AND id = ANY ($2)", tx.id, ids)
	for _, id := range ids {
		tx.did(Effect{What: "delete", Table: "notes", ID: id})
	}
}

func (tx *attempt) createTable() {
	tx.ids++
	table := fmt.Sprintf("own_%d_%d", tx.id, tx.ids)
	tx.exec("CREATE TABLE " + table + " (id int PRIMARY KEY, n int, body text)")
	tx.did(Effect{What: "create", Table: table})
	tx.fill(table)
}

// fill puts rows into a table that the server makes up by a rule that the model knows.
func (tx *attempt) fill(table string) {
	first, rows, salt := tx.ids+1, 1+tx.rng.IntN(60), tx.rng.IntN(1<<30)
	tx.ids += rows
	tx.exec("INSERT INTO "+table+" SELECT g, $3::int % 1000, repeat(md5($3::int || ' ' || g), 4) FROM generate_series($1::int, $2::int) g", first, first+rows-1, salt)
	for id := first; id < first+rows; id++ {
		body := strings.Repeat(fmt.Sprintf("%x", md5.Sum(fmt.Appendf(nil, "%d %d", salt, id))), 4)
		tx.did(Effect{"put", table, id, rowValue(salt%1000, body)})
	}
}

// An administrator does what touches many files: checkpoints, vacuums, databases.
type administrator struct {
	rng       *rand.Rand
	conn      *pgx.Conn
	position  func() int
	databases []*Database
	todo      []string // "" makes or drops a database
}

func (a *administrator) act(ctx context.Context) error {
	exec := func(sql string) error {
		if _, err := a.conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
		return nil
	}
	if len(a.todo) == 0 {
		a.todo = []string{
			"CHECKPOINT", "VACUUM notes", "CHECKPOINT", "VACUUM FULL notes", "REINDEX TABLE notes", "SELECT pg_switch_wal()",
			"CLUSTER notes USING notes_pkey", "VACUUM FREEZE progress, counter, pg_class", "", "", "CHECKPOINT",
			"ALTER SYSTEM SET cursor_tuple_fraction = " + fmt.Sprint(a.rng.Float64()),
		}
		a.rng.Shuffle(len(a.todo), func(i, j int) { a.todo[i], a.todo[j] = a.todo[j], a.todo[i] })
	}
	sql := a.todo[0]
	a.todo = a.todo[1:]
	if sql != "" {
		return exec(sql)
	}
	if k := len(a.databases); k > 0 && a.databases[k-1].Dropped == 0 {
		d := a.databases[k-1]
		d.DropBegun, d.Dropped = a.position(), -1
		if err := exec("DROP DATABASE " + d.Name); err != nil {
			return err
		}
		d.Dropped = a.position()
		return nil
	}
	d := &Database{Name: fmt.Sprintf("db%d", len(a.databases)), CreateBegun: a.position(), Created: -1}
	a.databases = append(a.databases, d)
	strategy := []string{"wal_log", "file_copy"}[len(a.databases)%2]
	if err := exec("CREATE DATABASE " + d.Name + " STRATEGY " + strategy); err != nil {
		return err
	}
	d.Created = a.position()
	return nil
}
