package embeddedpg_test

import (
	"path/filepath"
	"testing"
	"time"

	"nself.org/embeddedpg"
)

// TestCompileLater has sessions from before and after the change to the good code.
func TestCompileLater(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the server twice; leave out -short")
	}
	cache := t.TempDir()
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword, CacheDir: cache, CompileLater: true})
	old := connect(t, s)
	exec(t, old, "CREATE TABLE t AS SELECT i, md5(i::text) AS s FROM generate_series(1, 100000) i")
	const work = "SELECT md5(string_agg(s, ',' ORDER BY s DESC)) FROM t WHERE s ~ 'a.b'"
	want := one[string](t, old, work)
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		entries, err := filepath.Glob(filepath.Join(cache, "postgres-*.cwasm"))
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 2 { // the quick code, and now the good one
			break
		}
		if time.Since(begin) > 5*time.Minute {
			t.Fatal("no good code:", entries)
		}
		if got := one[string](t, connect(t, s), work); got != want {
			t.Fatal(got)
		}
	}
	time.Sleep(200 * time.Millisecond) // until it is mapped
	exec(t, old, "SET max_parallel_workers_per_gather = 2; SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET debug_parallel_query = on")
	if got := one[string](t, old, work); got != want { // its workers run the other code
		t.Error(got)
	}
	if got := one[string](t, connect(t, s), work); got != want {
		t.Error(got)
	}
}
