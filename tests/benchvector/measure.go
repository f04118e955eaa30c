package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
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
			{"HNSW, ef_search 40", "hnsw.ef_search = 40"}, {"HNSW, ef_search 100", "hnsw.ef_search = 100"},
		}},
		{fmt.Sprintf("IVFFlat (lists %d)", lists), fmt.Sprintf("USING ivfflat (v vector_cosine_ops) WITH (lists = %d)", lists), []search{
			{fmt.Sprintf("IVFFlat, probes %d", probes), fmt.Sprintf("ivfflat.probes = %d", probes)},
		}},
	}
}

// measure does all of it, every step on both servers in turn.
func measure(ctx context.Context, servers []*server, o options) (report, error) {
	r := report{options: o}
	made := newSource(o.seed, o.centres)
	data, queries := made.make(o.n), made.make(o.queries)
	want, asked := make([][]int32, queries.len()), make([][]byte, queries.len())
	for i := range want {
		want[i] = data.exact(queries.row(i))
		asked[i] = appendVector(nil, queries.row(i))
	}
	for _, s := range servers {
		if err := s.createTable(ctx, o.workers); err != nil {
			return r, err
		}
		r.versions = append(r.versions, s.version)
	}
	if err := r.loads(ctx, servers, data); err != nil {
		return r, err
	}
	for _, s := range servers {
		if _, err := s.exec(ctx, "VACUUM ANALYZE items"); err != nil {
			return r, err
		}
	}
	for _, x := range indexes(o.n) {
		if err := r.index(ctx, servers, x, asked, want); err != nil {
			return r, err
		}
	}
	return r, nil
}

// turns does a step on one server and then on the other, as many times as there are rounds, and reports the medians.
func (r *report) turns(ctx context.Context, servers []*server, name string, do func(s *server) (time.Duration, error), then func(s *server) error) error {
	times, used := make([][]float64, len(servers)), make([][]float64, len(servers))
	for range r.options.rounds {
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
			if err := then(s); err != nil {
				return err
			}
		}
	}
	r.time(name, "s", median(times[0]), median(times[1]))
	r.time("its processor time", "s", median(used[0]), median(used[1]))
	return nil
}

// createTable makes the table of vectors, and finds pgvector's version.
func (s *server) createTable(ctx context.Context, workers int) error {
	for _, sql := range []string{
		"CREATE EXTENSION vector", "CREATE TABLE items (id int, v vector(384))",
		"ALTER TABLE items ALTER v SET STORAGE PLAIN", fmt.Sprintf("ALTER TABLE items SET (parallel_workers = %d)", workers),
	} {
		if _, err := s.exec(ctx, sql); err != nil {
			return err
		}
	}
	return s.conn.QueryRow(ctx, "SELECT extversion FROM pg_extension WHERE extname = 'vector'").Scan(&s.version)
}

// loads measures COPY, as text of a tenth of the vectors and in binary of all, which stay in the table.
func (r *report) loads(ctx context.Context, servers []*server, data vectors) error {
	few := data[:max(data.len()/10, 1)*dimensions]
	text := few.text()
	for _, load := range []struct {
		name, sql string
		rows      int
		source    func() io.Reader
	}{
		{"text", "COPY items FROM STDIN", few.len(), func() io.Reader { return bytes.NewReader(text) }},
		{"binary", "COPY items FROM STDIN (FORMAT binary)", data.len(), func() io.Reader { return newStream(data) }},
	} {
		err := r.turns(ctx, servers, fmt.Sprintf("COPY of %d vectors, %s", load.rows, load.name), func(s *server) (time.Duration, error) {
			if _, err := s.exec(ctx, "TRUNCATE items"); err != nil {
				return 0, err
			}
			begin := time.Now()
			tag, err := s.conn.PgConn().CopyFrom(ctx, load.source(), load.sql)
			if err == nil && tag.RowsAffected() != int64(load.rows) {
				err = fmt.Errorf("%s: COPY took %d rows of %d", s.Name, tag.RowsAffected(), load.rows)
			}
			return time.Since(begin), err
		}, func(*server) error { return nil })
		if err != nil {
			return err
		}
	}
	return nil
}

// index measures the making of one index, and its searches with their recall.
func (r *report) index(ctx context.Context, servers []*server, x index, asked [][]byte, want [][]int32) error {
	recalls := map[*server]map[search][]float64{}
	err := r.turns(ctx, servers, "CREATE INDEX, "+x.name, func(s *server) (time.Duration, error) {
		if _, err := s.exec(ctx, "DROP INDEX IF EXISTS nearest"); err != nil {
			return 0, err
		}
		return s.exec(ctx, "CREATE INDEX nearest ON items "+x.create)
	}, func(s *server) error {
		if recalls[s] == nil {
			recalls[s] = map[search][]float64{}
		}
		for _, how := range x.searches {
			v, err := s.recall(ctx, how, asked, want)
			if err != nil {
				return err
			}
			recalls[s][how] = append(recalls[s][how], v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, how := range x.searches {
		if err := r.search(ctx, servers, how, asked); err != nil {
			return err
		}
		r.recall(how.name+": recall", mean(recalls[servers[0]][how]), mean(recalls[servers[1]][how]))
	}
	return nil
}

// ready makes the session search in this way, by the prepared statement "search".
func (s *server) ready(ctx context.Context, how search) error {
	const sql = "SELECT id FROM items ORDER BY v <=> $1 LIMIT 10"
	for _, sql := range []string{"SET enable_seqscan = off", "SET " + how.setting} {
		if _, err := s.exec(ctx, sql); err != nil {
			return err
		}
	}
	if err := s.uses(ctx, "nearest", strings.Replace(sql, "$1", "(SELECT v FROM items LIMIT 1)", 1)); err != nil {
		return err
	}
	if err := s.conn.PgConn().Deallocate(ctx, "search"); err != nil {
		return err
	}
	_, err := s.conn.PgConn().Prepare(ctx, "search", sql, nil)
	return err
}

// recall asks every query once and returns what part of the exact answers it found.
func (s *server) recall(ctx context.Context, how search, asked [][]byte, want [][]int32) (float64, error) {
	if err := s.ready(ctx, how); err != nil {
		return 0, err
	}
	found := 0
	for q := range asked {
		rows, err := ask(ctx, s.conn.PgConn(), asked[q])
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.Name, err)
		}
		for _, row := range rows {
			if slices.Contains(want[q], row) {
				found++
			}
		}
	}
	return float64(found) / float64(len(asked)*nearest), nil
}

// search asks every query of both servers in turn, and reports the times. The index is in memory: the recall was taken.
func (r *report) search(ctx context.Context, servers []*server, how search, asked [][]byte) error {
	latencies, totals := make([][]float64, len(servers)), make([][]float64, len(servers))
	for range r.options.rounds {
		for i, s := range servers {
			if err := s.ready(ctx, how); err != nil {
				return err
			}
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
	r.time(how.name+": median", "ms", median(latencies[0]), median(latencies[1]))
	r.time(how.name+": p95", "ms", p95(latencies[0]), p95(latencies[1]))
	r.time(fmt.Sprintf("%s: %d queries", how.name, len(asked)), "ms", median(totals[0]), median(totals[1]))
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

func mean(v []float64) float64 {
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}

func quantile(v []float64, q float64) float64 {
	slices.Sort(v)
	return v[min(int(q*float64(len(v))), len(v)-1)]
}
