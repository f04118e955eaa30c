package backup

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// bytesFlag is a number of bytes such as 8MB or 1GB.
type bytesFlag int64

func (b *bytesFlag) String() string { return fmt.Sprint(int64(*b)) }

func (b *bytesFlag) Set(s string) error {
	unit := int64(1)
	for suffix, n := range map[string]int64{"kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = rest, n
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	*b = bytesFlag(n * unit)
	return err
}

var (
	size  = bytesFlag(8 << 20)
	kills = flag.Int("kills", 2, "how often each of the kill tests kills")
	seed  = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the random choices")
)

func init() { flag.Var(&size, "size", "size of the database that is dumped, such as 1GB") }

// fill makes tables of many types, about n bytes as pg_database_size counts them.
func fill(t *testing.T, conn string, n int64) {
	t.Helper()
	ctx := context.Background()
	c := connect(t, conn)
	defer c.Close(ctx)
	// A row of wide and its index entries take about 420 bytes, one of many about 110.
	rows := max(n/(420+110*2), 1000)
	for _, sql := range []string{
		`CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')`,
		`CREATE DOMAIN positive AS int CHECK (VALUE > 0)`,
		`CREATE TABLE wide (id bigint PRIMARY KEY, p positive, n numeric, f float8, s text, b bytea, j jsonb, at timestamptz, d date, iv interval,
			a int[], u uuid, m mood, r int4range, ip inet, ok boolean)`,
		fmt.Sprintf(`INSERT INTO wide SELECT g, g %% 100 + 1, (random() * 1e9)::numeric(20, 6), random(), repeat(md5(g::text), 3), decode(md5((g * 7)::text), 'hex'),
			jsonb_build_object('k', g, 'list', ARRAY[g, g + 1]), '2026-01-01'::timestamptz + g * interval '1 second', '2026-01-01'::date + (g %% 3000)::int, g * interval '1 minute',
			ARRAY[g %% 10, g %% 7], md5(g::text)::uuid, (ARRAY['sad', 'ok', 'happy'])[g %% 3 + 1]::mood, int4range((g %% 50)::int, (g %% 50 + 9)::int), '10.0.0.0'::inet + g, g %% 2 = 0
			FROM generate_series(1::bigint, %d) g`, rows),
		`UPDATE wide SET s = NULL, j = NULL WHERE id % 97 = 0`,
		`CREATE TABLE many (k int, v text) PARTITION BY HASH (k)`,
		`CREATE TABLE many0 PARTITION OF many FOR VALUES WITH (MODULUS 2, REMAINDER 0)`,
		`CREATE TABLE many1 PARTITION OF many FOR VALUES WITH (MODULUS 2, REMAINDER 1)`,
		fmt.Sprintf(`INSERT INTO many SELECT g, md5(g::text) || E'\t\\ü\n' FROM generate_series(1, %d) g`, rows*2),
		`CREATE INDEX ON many (v)`,
		`CREATE TABLE child (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, of bigint REFERENCES wide, twice int GENERATED ALWAYS AS (id * 2) STORED)`,
		`INSERT INTO child (of) SELECT id FROM wide WHERE id % 10 = 0`,
		`CREATE TABLE "odd ""name" ("a b" text)`,
		`INSERT INTO "odd ""name" VALUES (''), (NULL), (repeat('long', 100000))`,
		`CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'`,
		`CREATE TRIGGER touched BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION touch()`,
		`CREATE VIEW summary AS SELECT m, count(*) FROM wide GROUP BY m`,
		`SELECT lo_from_bytea(0, convert_to(repeat('large object ', 10000), 'UTF8'))`,
		`VACUUM ANALYZE`,
	} {
		if _, err := c.Exec(ctx, sql); err != nil {
			t.Fatalf("%v in %s", err, sql)
		}
	}
}

func connect(t *testing.T, conn string) *pgx.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, conn)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sums returns a line for each table: name, rows, and an MD5 of all rows in order. It is other SQL than the one that backups
// are verified by. For a database of more than a few MB the rows are hashed before they are put in order.
func sums(t *testing.T, conn string) string {
	t.Helper()
	ctx := context.Background()
	c := connect(t, conn)
	defer c.Close(ctx)
	rows, err := c.Query(ctx, `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if _, err := c.Exec(ctx, "SET timezone = 'UTC'; SET max_parallel_workers_per_gather = 0"); err != nil {
		t.Fatal(err)
	}
	line := func(name, sql string) {
		var n int64
		var sum *string
		if err := c.QueryRow(ctx, sql).Scan(&n, &sum); err != nil {
			t.Fatalf("%v in %s", err, sql)
		}
		if sum == nil {
			sum = new(string)
		}
		fmt.Fprintln(&b, name, n, *sum)
	}
	for _, table := range tables {
		line(table, "SELECT count(*), md5(string_agg(h, '' ORDER BY h)) FROM (SELECT md5((x.*)::text) AS h FROM ONLY "+table+" x) y")
	}
	line("large objects", "SELECT count(*), md5(string_agg(h, '' ORDER BY h)) FROM (SELECT md5(lo_get(oid)) AS h FROM pg_largeobject_metadata) y")
	return b.String()
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: tables differ:\n%s\nwant\n%s", what, got, want)
	}
}

// load is pgbench's TPC-B-like transaction from 8 clients.
type load struct {
	stop func() int64 // ends it, and returns how many transactions were committed
}

const (
	clients  = 8
	branches = 4
	accounts = 2000
)

// setUpLoad makes the tables. Its four sums are equal in every consistent state.
func setUpLoad(t *testing.T, conn string) {
	t.Helper()
	ctx := context.Background()
	c := connect(t, conn)
	defer c.Close(ctx)
	_, err := c.Exec(ctx, fmt.Sprintf(`
		CREATE TABLE branches (id int PRIMARY KEY, balance bigint NOT NULL DEFAULT 0); INSERT INTO branches SELECT g FROM generate_series(1, %d) g;
		CREATE TABLE tellers (id int PRIMARY KEY, balance bigint NOT NULL DEFAULT 0); INSERT INTO tellers SELECT g FROM generate_series(1, %d) g;
		CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL DEFAULT 0, filler char(84)); INSERT INTO accounts SELECT g FROM generate_series(1, %d) g;
		CREATE TABLE history (teller int, branch int, account int, delta bigint, at timestamptz, filler char(22));
		CREATE TABLE marks (name text, at timestamptz DEFAULT now());`, branches, branches*10, accounts))
	if err != nil {
		t.Fatal(err)
	}
}

func startLoad(t *testing.T, conn string) *load {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	var done atomic.Int64
	for i := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(*seed, uint64(i)))
			c, err := pgx.Connect(ctx, conn)
			if err != nil {
				return
			}
			defer c.Close(context.Background())
			for transaction(ctx, c, rng) == nil {
				done.Add(1)
			}
		})
	}
	stop := sync.OnceValue(func() int64 {
		cancel()
		wg.Wait()
		return done.Load()
	})
	t.Cleanup(func() { stop() })
	// It is under way once there is something to see.
	for deadline := time.Now().Add(20 * time.Second); done.Load() < clients && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	return &load{stop}
}

func transaction(ctx context.Context, c *pgx.Conn, rng *rand.Rand) error {
	tx, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.Background())
	account, teller, branch, delta := 1+rng.IntN(accounts), 1+rng.IntN(branches*10), 1+rng.IntN(branches), rng.Int64N(10000)-5000
	for _, q := range []struct {
		sql  string
		args []any
	}{
		{"UPDATE accounts SET balance = balance + $1 WHERE id = $2", []any{delta, account}},
		{"UPDATE tellers SET balance = balance + $1 WHERE id = $2", []any{delta, teller}},
		{"UPDATE branches SET balance = balance + $1 WHERE id = $2", []any{delta, branch}},
		{"INSERT INTO history VALUES ($1, $2, $3, $4, now(), '')", []any{teller, branch, account, delta}},
	} {
		if _, err := tx.Exec(ctx, q.sql, q.args...); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// consistent checks that no transaction is there in part, and returns how many are there.
func consistent(t *testing.T, what, conn string) int64 {
	t.Helper()
	ctx := context.Background()
	c := connect(t, conn)
	defer c.Close(ctx)
	var a, te, b, h, n int64
	err := c.QueryRow(ctx, `SELECT (SELECT sum(balance) FROM accounts)::bigint, (SELECT sum(balance) FROM tellers)::bigint, (SELECT sum(balance) FROM branches)::bigint,
		(SELECT coalesce(sum(delta), 0) FROM history)::bigint, (SELECT count(*) FROM history)`).Scan(&a, &te, &b, &h, &n)
	if err != nil {
		t.Fatal(err)
	}
	if a != b || a != te || a != h {
		t.Errorf("%s: sums of accounts %d, tellers %d, branches %d, history %d", what, a, te, b, h)
	}
	return n
}
