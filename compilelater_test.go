package embeddedpg_test

import (
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg"
)

// TestCompileLater has sessions from before and after the change to the good code.
func TestCompileLater(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: compiling the server twice takes half a minute")
	}
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword, CacheDir: t.TempDir(), CompileLater: true})
	if !embeddedpg.Quick(s) {
		t.Error("the server does not begin with the quick code")
	}
	old := connect(t, s)
	exec(t, old, "CREATE TABLE t AS SELECT i, md5(i::text) AS s FROM generate_series(1, 100000) i")
	const work = "SELECT md5(string_agg(s, ',' ORDER BY s DESC)) FROM t WHERE s ~ 'a.b'"
	want := one[string](t, old, work)
	for begin := time.Now(); embeddedpg.Quick(s); time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > 5*time.Minute {
			t.Fatal("no good code")
		}
		if got := one[string](t, connect(t, s), work); got != want {
			t.Fatal(got)
		}
	}
	exec(t, old, "SET debug_parallel_query = on")
	if plan := one[string](t, old, "EXPLAIN (ANALYZE, FORMAT JSON) "+work); !strings.Contains(plan, `"Workers Launched": 1`) {
		t.Error("no worker, which would run the other code:", plan)
	}
	if got := one[string](t, old, work); got != want {
		t.Error(got)
	}
	if got := one[string](t, connect(t, s), work); got != want {
		t.Error(got)
	}
}
