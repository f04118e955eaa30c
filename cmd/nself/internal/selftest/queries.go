package selftest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"
)

// rows is how many the larger tables have.
const rows = 300_000

var queryChecks = []check{
	{"arithmetic", checkArithmetic},
	{"copy", checkCopy},
	{"sort on disk", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
		if err := run(ctx, c, "SET work_mem = '1MB'"); err != nil {
			return "", err
		}
		const query = "SELECT md5(n::text) FROM generate_series(1, 300000) n ORDER BY 1"
		space, err := explained(ctx, c, query, "Sort Space Type")
		if err == nil && space != "Disk" {
			err = fmt.Errorf("the sort used %v", space)
		}
		if err != nil {
			return "", err
		}
		return "300,000 rows by temporary files", expect(ctx, c, true, "SELECT bool_and(before < x) FROM (SELECT x, lag(x, 1, '') OVER () AS before FROM ("+query+") AS sorted(x)) AS pairs")
	}},
	{"parallel query", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
		err := run(ctx, c, "CREATE TABLE wide AS SELECT n, md5(n::text) AS text FROM generate_series(1, 300000) n", "ANALYZE wide",
			"SET parallel_setup_cost = 0", "SET parallel_tuple_cost = 0", "SET min_parallel_table_scan_size = 0")
		if err != nil {
			return "", err
		}
		workers, err := explained(ctx, c, "SELECT count(*), sum(n) FROM wide WHERE text > '8'", "Workers Launched")
		if err != nil {
			return "", err
		}
		if n, _ := workers.(float64); n < 1 {
			return "", fmt.Errorf("workers launched: %v", workers)
		}
		return fmt.Sprintf("%v workers", workers), expect(ctx, c, int64(rows)*(rows+1)/2, "SELECT sum(n) FROM wide")
	}},
	{"parallel index", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
		return "built by workers, and checked by amcheck", run(ctx, c, "SET min_parallel_table_scan_size = 0", "SET maintenance_work_mem = '64MB'",
			"ALTER TABLE wide SET (parallel_workers = 2)", "CREATE INDEX wide_text ON wide (text)", "CREATE EXTENSION IF NOT EXISTS amcheck", "SELECT bt_index_check('wide_text', true)")
	}},
	{"extensions", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
		if err := run(ctx, c, "CREATE EXTENSION vector", "CREATE EXTENSION pg_trgm", "CREATE EXTENSION pgcrypto", "CREATE TABLE near (v vector(3))",
			"INSERT INTO near SELECT ARRAY[n, n * 2, n * 3]::vector FROM generate_series(1, 1000) n", "CREATE INDEX ON near USING hnsw (v vector_l2_ops)"); err != nil {
			return "", err
		}
		if err := expect(ctx, c, "[500,1000,1500]", "SELECT v::text FROM near ORDER BY v <-> '[500,1000,1500]' LIMIT 1"); err != nil {
			return "", err
		}
		return "pgvector, pg_trgm, pgcrypto", expect(ctx, c, true, "SELECT 'postgres' % 'postgrse' AND crypt('secret', crypt('secret', gen_salt('bf', 4))) LIKE '$2%'")
	}},
	{"time zones", func(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
		return "those of the program", expect(ctx, c, "2026-07-01 08:00:00", "SELECT (timestamptz '2026-07-01 12:00Z' AT TIME ZONE 'America/New_York')::text")
	}},
}

// checkArithmetic asks for what this program can compute too.
func checkArithmetic(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
	for sql, want := range map[string]string{
		"SELECT (2::numeric ^ 200)::text":                                "1606938044258990275541962092341162602522202993782792835301376",
		"SELECT (9223372036854775807 / 3)::text || (-7 % 3)::text":       "3074457345618258602-1",
		"SELECT to_char('infinity'::float8, '9') || 'NaN'::float8::text": " #NaN",
		"SELECT regexp_replace('aaabbb', '(a+)(b+)', '\\2-\\1')":         "bbb-aaa",
	} {
		if err := expect(ctx, c, want, sql); err != nil {
			return "", err
		}
	}
	for n := range 20 {
		x := math.Sqrt(float64(n)) * 1e-3
		if err := expect(ctx, c, x, "SELECT sqrt($1::float8) * 1e-3::float8", float64(n)); err != nil {
			return "", err
		}
	}
	var all strings.Builder
	for n := range 10_000 {
		fmt.Fprintf(&all, "%d,", n*n)
	}
	sum := sha256.Sum256([]byte(all.String()))
	return "integers, numeric, floating point, regular expressions, SHA-256",
		expect(ctx, c, hex.EncodeToString(sum[:]), "SELECT encode(sha256(convert_to(string_agg(n * n || ',', '' ORDER BY n), 'UTF8')), 'hex') FROM generate_series(0, 9999) n")
}

// checkCopy sends rows in, gets them back, and compares.
func checkCopy(ctx context.Context, _ *bench, c *pgx.Conn) (string, error) {
	var in, out bytes.Buffer
	for n := range rows {
		fmt.Fprintf(&in, "%d\tline %d of the file\n", n, n)
	}
	if err := run(ctx, c, "CREATE TABLE copied (n int PRIMARY KEY, line text)"); err != nil {
		return "", err
	}
	if _, err := c.PgConn().CopyFrom(ctx, bytes.NewReader(in.Bytes()), "COPY copied FROM STDIN"); err != nil {
		return "", err
	}
	if _, err := c.PgConn().CopyTo(ctx, &out, "COPY (SELECT * FROM copied ORDER BY n) TO STDOUT"); err != nil {
		return "", err
	}
	if !bytes.Equal(in.Bytes(), out.Bytes()) {
		return "", fmt.Errorf("%d bytes went in, and %d others came out", in.Len(), out.Len())
	}
	return fmt.Sprintf("%d MB in and out, equal", in.Len()/1_000_000), nil
}

// explained runs a query and returns what EXPLAIN ANALYZE says of the first node that has that field.
func explained(ctx context.Context, c *pgx.Conn, query, field string) (any, error) {
	text, err := ask[string](ctx, c, "EXPLAIN (ANALYZE, FORMAT JSON) "+query)
	if err != nil {
		return nil, err
	}
	var plan any
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		return nil, err
	}
	return find(plan, field), nil
}

func find(in any, field string) any {
	switch in := in.(type) {
	case []any:
		for _, one := range in {
			if found := find(one, field); found != nil {
				return found
			}
		}
	case map[string]any:
		if found, ok := in[field]; ok {
			return found
		}
		for _, one := range in {
			if found := find(one, field); found != nil {
				return found
			}
		}
	}
	return nil
}
