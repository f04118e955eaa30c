package move_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// load is clients that run transactions like TPC-B's, and other changes, at whatever server they are sent to. Each transaction has
// a number of its client's.
type load struct {
	url  atomic.Pointer[string]
	stop context.CancelFunc
	done sync.WaitGroup

	longest atomic.Int64 // time without an acknowledged transaction of any client, in nanoseconds
	last    atomic.Int64 // when there was one

	mu struct {
		sync.Mutex
		acknowledged map[[2]int]bool
		possible     map[[2]int]bool // the connection broke during the commit
		unexpected   error
	}
}

const clients = 8

var pace = flag.Duration("pace", 50*time.Millisecond, "how long each client waits between transactions: the machine must have time to follow them")

func startLoad(t *testing.T, url string) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{stop: cancel}
	l.url.Store(&url)
	l.last.Store(time.Now().UnixNano())
	l.mu.acknowledged, l.mu.possible = map[[2]int]bool{}, map[[2]int]bool{}
	for c := range clients {
		l.done.Go(func() { l.client(ctx, c) })
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) end() {
	l.stop()
	l.done.Wait()
}

func (l *load) client(ctx context.Context, id int) {
	random := rand.New(rand.NewPCG(uint64(id), 1))
	var conn *pgx.Conn
	var at string
	for n := 0; ctx.Err() == nil; n++ {
		time.Sleep(*pace)
		if url := *l.url.Load(); conn == nil || conn.IsClosed() || url != at {
			if conn != nil {
				conn.Close(context.Background())
			}
			var err error
			if conn, err = pgx.Connect(ctx, url); err != nil {
				conn = nil
				time.Sleep(5 * time.Millisecond)
				continue
			}
			at = url
		}
		committing, err := transaction(ctx, conn, random, id, n)
		l.note(id, n, committing, err)
		if err != nil {
			conn.Close(context.Background())
			time.Sleep(time.Millisecond)
		}
	}
	if conn != nil {
		conn.Close(context.Background())
	}
}

func (l *load) note(id, n int, committing bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var refused *pgconn.PgError
	switch {
	case err == nil:
		l.mu.acknowledged[[2]int{id, n}] = true
		now := time.Now().UnixNano()
		if gap := now - l.last.Swap(now); gap > l.longest.Load() {
			l.longest.Store(gap)
		}
	case errors.As(err, &refused) && refused.Code[:2] != "57" && refused.Code != "25006" && refused.Code != "40P01":
		l.mu.unexpected = err
	case committing:
		l.mu.possible[[2]int{id, n}] = true
	}
}

// transaction runs one, and tells whether it was committing when it failed.
func transaction(ctx context.Context, conn *pgx.Conn, random *rand.Rand, id, n int) (committing bool, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return false, err
	}
	aid, tid, bid, delta := 1+random.IntN(20000), 1+random.IntN(80), 1+random.IntN(8), random.IntN(10000)-5000
	for _, s := range []struct {
		sql  string
		args []any
	}{
		{"UPDATE accounts SET abalance = abalance + $1 WHERE aid = $2", []any{delta, aid}},
		{"UPDATE tellers SET tbalance = tbalance + $1 WHERE tid = $2", []any{delta, tid}},
		{"UPDATE branches SET bbalance = bbalance + $1 WHERE bid = $2", []any{delta, bid}},
		{"INSERT INTO history (client, n, tid, bid, aid, delta) VALUES ($1, $2, $3, $4, $5, $6)", []any{id, n, tid, bid, aid, delta}},
	} {
		if _, err := tx.Exec(ctx, s.sql, s.args...); err != nil {
			return false, err
		}
	}
	if n%20 == 0 {
		if err := others(ctx, tx, random, id, n); err != nil {
			return false, err
		}
	}
	return true, tx.Commit(ctx)
}

// others changes rows of the other tables, those of this client's alone.
func others(ctx context.Context, tx pgx.Tx, random *rand.Rand, id, n int) error {
	k := id + clients*random.IntN(50)
	for _, sql := range []string{
		fmt.Sprintf("UPDATE everything SET t = t || 'x', i4 = i4 + 1, jb = jb || '{\"n\": %d}', f8 = f8 / 3 WHERE id = %d", n, k+1),
		fmt.Sprintf("INSERT INTO everything (i4, f4, c, m, tsz, iv) VALUES (%d, 1e10::float4 / 3, 'padded', 12.34, now(), '1 mon 2 days 3.5 s')", n),
		fmt.Sprintf("DELETE FROM everything WHERE id = %d", 900-k),
		fmt.Sprintf("UPDATE toasted SET id = id WHERE id = %d", 1+id+clients*random.IntN(5)), // large values are not sent again
		fmt.Sprintf("UPDATE parts SET k = k + 1000000, v = 'n' WHERE k = %d AND false", k),
		fmt.Sprintf("INSERT INTO shop.\"order\" (customer, total, note) VALUES (%d, %d, NULL)", 1+id, n),
		fmt.Sprintf("INSERT INTO shop.events (at, kind) VALUES (date '2025-03-01' + %d, 'a')", n%600),
		fmt.Sprintf("UPDATE shop.events SET kind = 'z' WHERE id = %d", k), // from one partition to another
		fmt.Sprintf("INSERT INTO shop.keyless VALUES (%d, NULL, 0.1, 'k', point(1, 2)), (%d, NULL, 0.1, 'k', point(1, 2))", 100+id, 100+id),
		fmt.Sprintf("DELETE FROM shop.keyless WHERE ctid = (SELECT ctid FROM shop.keyless WHERE a = %d LIMIT 1)", 100+id),
		fmt.Sprintf("UPDATE shop.keyless SET c = c + 1 WHERE ctid = (SELECT ctid FROM shop.keyless WHERE a = %d LIMIT 1)", 100+id),
		fmt.Sprintf("UPDATE filler_%d SET id = -id WHERE id = %d", 10+id, 1+random.IntN(20)), // the key itself
		fmt.Sprintf("TRUNCATE filler_%d, filler_%d", 20+id, 40+id),
		fmt.Sprintf("INSERT INTO filler_%d VALUES (%d, 'after')", 20+id, n),
		"SELECT nextval('numbers')",
		"CREATE TEMP TABLE IF NOT EXISTS mine (a int)",
		fmt.Sprintf("SELECT lo_put(777, 0, 'changed %d'::bytea) WHERE %d = 0", n, id),
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// check looks whether each acknowledged transaction is there, once, and none that was refused.
func (l *load) check(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.unexpected != nil {
		t.Errorf("a client was told: %v", l.mu.unexpected)
	}
	rows, err := conn.Query(context.Background(), "SELECT client, n, count(*) FROM history GROUP BY 1, 2")
	if err != nil {
		t.Fatal(err)
	}
	var id, n, count int
	there := map[[2]int]bool{}
	if _, err := pgx.ForEachRow(rows, []any{&id, &n, &count}, func() error {
		key := [2]int{id, n}
		there[key] = true
		if count != 1 {
			t.Errorf("transaction %v is there %d times", key, count)
		}
		if !l.mu.acknowledged[key] && !l.mu.possible[key] {
			t.Errorf("transaction %v is there, and was never committed", key)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for key := range l.mu.acknowledged {
		if !there[key] {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged transactions are lost", lost, len(l.mu.acknowledged))
	}
	var balanced bool
	if err := conn.QueryRow(context.Background(), `SELECT (SELECT sum(abalance) FROM accounts) = sum(delta) AND (SELECT sum(tbalance) FROM tellers) = sum(delta)
		AND (SELECT sum(bbalance) FROM branches) = sum(delta) FROM history`).Scan(&balanced); err != nil || !balanced {
		t.Errorf("the balances do not agree: %v", err)
	}
	t.Logf("%d transactions, %d of unknown outcome, longest time without one %v", len(l.mu.acknowledged), len(l.mu.possible), time.Duration(l.longest.Load()))
}
