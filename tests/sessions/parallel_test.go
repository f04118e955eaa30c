package sessions

import (
	"regexp"
	"strings"
	"testing"
)

var launched = regexp.MustCompile(`Workers Launched: (\d+)`)

// TestParallel wants plans whose workers are really started, with the results of a plan without. Both
// sessions do so at once.
func TestParallel(t *testing.T) {
	a, b := pair(t)
	a.query(`CREATE TABLE t AS SELECT i, i % 100 AS g, md5(i::text) AS s FROM generate_series(1, 100000) i; ANALYZE t;`)
	const on = `SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
		SET min_parallel_index_scan_size = 0; SET max_parallel_workers_per_gather = 2;`
	a.query(on)
	b.query(on)
	for _, c := range []struct{ name, node, set, sql string }{
		{"scan", "Parallel Seq Scan", "", "SELECT count(*), sum(i) FROM t WHERE s > '8'"},
		{"group", "Partial", "", "SELECT g, count(*), max(s) FROM t GROUP BY g ORDER BY g"},
		{"sort", "Gather Merge", "", "SELECT i, s FROM t WHERE s LIKE 'ab%' ORDER BY s"},
		{"hash join", "Parallel Hash Join", "SET enable_mergejoin = off; SET enable_nestloop = off;", "SELECT count(*), sum(x.i) FROM t x JOIN t y USING (s) WHERE y.g < 50"},
		{"hash join in batches", "Parallel Hash Join", "SET work_mem = '256kB';", "SELECT count(*), sum(x.i) FROM t x JOIN t y USING (s) WHERE y.g < 50"},
		{"index", "Parallel Index", "CREATE INDEX ON t (i); SET enable_seqscan = off; SET enable_bitmapscan = off;", "SELECT count(s) FROM t WHERE i > 1000"},
		{"function", "Parallel Seq Scan", "RESET enable_seqscan; CREATE FUNCTION f(i int) RETURNS int LANGUAGE plpgsql PARALLEL SAFE AS 'BEGIN RETURN i * 2; END';", "SELECT sum(f(i)) FROM t"},
	} {
		a.query("SELECT;" + c.set)
		b.send("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) " + c.sql + ";")
		plan := a.query("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) " + c.sql + ";")
		b.wants(success)
		m := launched.FindStringSubmatch(plan)
		if m == nil || m[1] == "0" || !strings.Contains(plan, c.node) {
			t.Errorf("%s: want %s, and workers launched:\n%s", c.name, c.node, plan)
			continue
		}
		parallel := a.query(c.sql + ";")
		a.query("SET max_parallel_workers_per_gather = 0;")
		if serial := a.query(c.sql + ";"); serial != parallel {
			t.Errorf("%s: parallel %q, serial %q", c.name, parallel, serial)
		}
		a.query("SET max_parallel_workers_per_gather = 2;")
		t.Logf("%s: %s workers", c.name, m[1])
	}

	// Workers end with an error of one, and with the leader's cancel; then there are new ones.
	a.fails("SELECT sum(1 / (i - 70000)) FROM t;", "22012")
	a.fails("SET statement_timeout = 100; SELECT count(*) FROM t x JOIN t y ON x.s <> y.s;", "57014")
	a.query("RESET statement_timeout;")
	eventually(t, connect(t, server(t)), "the workers' end", "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'parallel worker'")
	if m := launched.FindStringSubmatch(a.query("EXPLAIN (ANALYZE) SELECT sum(i) FROM t;")); m == nil || m[1] == "0" {
		t.Error("no workers any more")
	}
}
