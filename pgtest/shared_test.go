package pgtest_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

// short makes a shared server end soon after its last client.
const short = "EMBEDDEDPG_PGTEST_LINGER=1s"

// TestMember is one test of several test binaries that share a server.
func TestMember(t *testing.T) {
	needsFail(t)
	db := pgxtest.New(t, pgtest.SQL("CREATE TABLE made AS SELECT pg_backend_pid() AS pid, clock_timestamp() AS at"))
	t.Log("server", db.ConnInfo().Host, "template of", one[string](t, db.Conn(t), "SELECT pid || ' ' || at FROM made"))
}

// TestShared runs four test binaries at a time on one server, which migrates once and ends with the last.
func TestShared(t *testing.T) {
	t.Parallel()
	parent, name := t.TempDir(), t.TempDir()
	var mu sync.Mutex
	seen := map[string]bool{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			out, passed := rerun(t, "TestMember", "EMBEDDEDPG_PGTEST_DIR="+parent, "EMBEDDEDPG_PGTEST="+name, short)
			if !passed {
				t.Error(out)
			}
			for line := range strings.Lines(out) {
				if _, what, ok := strings.Cut(line, ": server "); ok {
					mu.Lock()
					seen[what] = true
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if len(seen) != 1 {
		t.Error("servers or templates:", seen)
	}
	empty(t, parent)
	empty(t, name)
}

// TestSharedRun shares among the test binaries of this process, as those of one `go test` do.
func TestSharedRun(t *testing.T) {
	if testing.Short() {
		t.Skip("as TestShared, with another server")
	}
	parent := t.TempDir()
	for range 2 {
		if out, passed := rerun(t, "TestMember", "EMBEDDEDPG_PGTEST_DIR="+parent, "EMBEDDEDPG_PGTEST=shared", short); !passed {
			t.Error(out)
		}
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 1 {
		t.Error("directories of servers:", entries)
	}
	empty(t, parent)
}

// TestSharedKept fails in a binary that shares a server: its files stay when the server has ended.
func TestSharedKept(t *testing.T) {
	if testing.Short() {
		t.Skip("as TestKept, with another server")
	}
	name := t.TempDir()
	out, passed := rerun(t, "TestFailKeep", "EMBEDDEDPG_PGTEST_DIR="+t.TempDir(), "EMBEDDEDPG_PGTEST="+name, short)
	m := kept.FindStringSubmatch(out)
	if passed || m == nil {
		t.Fatal(out)
	}
	empty(t, name)
	if _, err := os.Stat(m[1]); err != nil {
		t.Error(err)
	}
}
