package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"nself.org/embeddedpg/tests/rivals"
)

// server is one of the two, with a session.
type server struct {
	*rivals.Server
	conn    *pgx.Conn
	version string // of pgvector
}

func (s *server) exec(ctx context.Context, sql string) (time.Duration, error) {
	begin := time.Now()
	_, err := s.conn.Exec(ctx, sql)
	if err != nil {
		err = fmt.Errorf("%s, %s: %w", s.Name, sql, err)
	}
	return time.Since(begin), err
}

// index is a way to search, with its settings for the queries.
type index struct {
	name, create string
	searches     []search
}

type search struct{ name, setting string }

// indexes are those of a table of n rows; the lists and probes are what pgvector's README advises.
func indexes(n int) []index {
	lists := max(n/1000, 10)
	if n > 1_000_000 {
		lists = int(math.Sqrt(float64(n)))
	}
	probes := int(math.Round(math.Sqrt(float64(lists))))
	return []index{
		{"HNSW (m 16, ef_construction 64)", "USING hnsw (v vector_cosine_ops) WITH (m = 16, ef_construction = 64)", []search{
			{"HNSW, ef_search 40", "hnsw.ef_search = 40"}, {"HNSW, ef_search 100", "hnsw.ef_search = 100"}}},
		{fmt.Sprintf("IVFFlat (lists %d)", lists), fmt.Sprintf("USING ivfflat (v vector_cosine_ops) WITH (lists = %d)", lists), []search{
			{fmt.Sprintf("IVFFlat, probes %d", probes), fmt.Sprintf("ivfflat.probes = %d", probes)}}},
	}
}

// measure does all of it, every step on both servers in turn.
func measure(ctx context.Context, servers []*server, o options) (report, error) {
	r := report{options: o}
	made := newSource(o.seed, o.centres)
	data, queries := made.make(o.n), made.make(o.queries)
	want := make([][]int32, queries.len())
	for i := range want {
		want[i] = data.exact(queries.row(i))
	}

	// turns does a step on one server and then on the other, as many times as there are rounds.
	turns := func(name string, do func(s *server) (time.Duration, error)) error {
		times, used := make([][]float64, len(servers)), make([][]float64, len(servers))
		for range o.rounds {
			for i, s := range servers {
				if _, err := s.exec(ctx, "CHECKPOINT"); err != nil {
					return err
				}
				before := s.CPU()
				d, err := do(s)
				if err != nil {
					return err
				}
				times[i] = append(times[i], d.Seconds())
				used[i] = append(used[i], (s.CPU() - before).Seconds())
			}
		}
		r.time(name, "s", median(times[0]), median(times[1]))
		r.time("its processor time", "s", median(used[0]), median(used[1]))
		return nil
	}

	for _, s := range servers {
		for _, sql := range []string{"CREATE EXTENSION vector", "CREATE TABLE items (id int, v vector(384))",
			"ALTER TABLE items ALTER v SET STORAGE PLAIN", fmt.Sprintf("ALTER TABLE items SET (parallel_workers = %d)", o.workers)} {
			if _, err := s.exec(ctx, sql); err != nil {
				return r, err
			}
		}
		if err := s.conn.QueryRow(ctx, "SELECT extversion FROM pg_extension WHERE extname = 'vector'").Scan(&s.version); err != nil {
			return r, err
		}
		r.versions = append(r.versions, s.version)
	}
	err := turns(fmt.Sprintf("COPY of %d vectors, binary", o.n), func(s *server) (time.Duration, error) {
		if _, err := s.exec(ctx, "TRUNCATE items"); err != nil {
			return 0, err
		}
		begin := time.Now()
		tag, err := s.conn.PgConn().CopyFrom(ctx, newStream(data), "COPY items FROM STDIN (FORMAT binary)")
		if err == nil && tag.RowsAffected() != int64(o.n) {
			err = fmt.Errorf("%s: COPY took %d rows of %d", s.Name, tag.RowsAffected(), o.n)
		}
		return time.Since(begin), err
	})
	if err != nil {
		return r, err
	}
	for _, s := range servers {
		if _, err := s.exec(ctx, "VACUUM ANALYZE items"); err != nil {
			return r, err
		}
	}
	for _, x := range indexes(o.n) {
		err := turns("CREATE INDEX, "+x.name, func(s *server) (time.Duration, error) {
			if _, err := s.exec(ctx, "DROP INDEX IF EXISTS nearest"); err != nil {
				return 0, err
			}
			return s.exec(ctx, "CREATE INDEX nearest ON items "+x.create)
		})
		if err != nil {
			return r, err
		}
		for _, search := range x.searches {
			if err := r.search(ctx, servers, search, queries, want); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

// search asks every query of both servers: once to have it in memory and for the recall, then in turn for the times.
func (r *report) search(ctx context.Context, servers []*server, how search, queries vectors, want [][]int32) error {
	const sql = "SELECT id FROM items ORDER BY v <=> $1 LIMIT 10"
	asked := make([][]byte, queries.len())
	for i := range asked {
		asked[i] = appendVector(nil, queries.row(i))
	}
	recalls := make([]float64, len(servers))
	for i, s := range servers {
		for _, sql := range []string{"SET enable_seqscan = off", "SET " + how.setting} {
			if _, err := s.exec(ctx, sql); err != nil {
				return err
			}
		}
		if err := s.uses(ctx, "nearest", strings.Replace(sql, "$1", "(SELECT v FROM items LIMIT 1)", 1)); err != nil {
			return err
		}
		if _, err := s.conn.PgConn().Prepare(ctx, "search", sql, nil); err != nil {
			return err
		}
		found := 0
		for q := range asked {
			rows, err := ask(ctx, s.conn.PgConn(), asked[q])
			if err != nil {
				return fmt.Errorf("%s: %w", s.Name, err)
			}
			for _, row := range rows {
				if slices.Contains(want[q], row) {
					found++
				}
			}
		}
		recalls[i] = float64(found) / float64(len(asked)*nearest)
	}
	latencies, totals := make([][]float64, len(servers)), make([][]float64, len(servers))
	for range r.options.rounds {
		for i, s := range servers {
			total := 0.0
			for _, q := range asked {
				begin := time.Now()
				if _, err := ask(ctx, s.conn.PgConn(), q); err != nil {
					return fmt.Errorf("%s: %w", s.Name, err)
				}
				took := time.Since(begin).Seconds() * 1000
				latencies[i] = append(latencies[i], took)
				total += took
			}
			totals[i] = append(totals[i], total)
		}
	}
	for _, s := range servers {
		if err := s.conn.PgConn().Deallocate(ctx, "search"); err != nil {
			return err
		}
	}
	r.time(how.name+": median", "ms", median(latencies[0]), median(latencies[1]))
	r.time(how.name+": p95", "ms", p95(latencies[0]), p95(latencies[1]))
	r.time(fmt.Sprintf("%s: %d queries", how.name, len(asked)), "ms", median(totals[0]), median(totals[1]))
	r.recall(how.name+": recall", recalls[0], recalls[1])
	return nil
}

// ask runs the prepared search and returns the ids.
func ask(ctx context.Context, c *pgconn.PgConn, query []byte) ([]int32, error) {
	result := c.ExecPrepared(ctx, "search", [][]byte{query}, []int16{1}, []int16{1}).Read()
	rows := make([]int32, 0, nearest)
	for _, row := range result.Rows {
		rows = append(rows, int32(binary.BigEndian.Uint32(row[0])))
	}
	return rows, result.Err
}

// uses checks that the plan of a query reads an index.
func (s *server) uses(ctx context.Context, index, sql string) error {
	rows, err := s.conn.Query(ctx, "EXPLAIN "+sql)
	if err != nil {
		return err
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	if text := strings.Join(plan, "\n"); !strings.Contains(text, "Index Scan using "+index) {
		return fmt.Errorf("%s does not use the index:\n%s", s.Name, text)
	}
	return nil
}

func median(v []float64) float64 { return quantile(v, 0.5) }
func p95(v []float64) float64    { return quantile(v, 0.95) }

func quantile(v []float64, q float64) float64 {
	slices.Sort(v)
	return v[min(int(q*float64(len(v))), len(v)-1)]
}
