package embeddedpg_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/abi"
)

// stats are the server's, which must be there.
func stats(t *testing.T, s *embeddedpg.Server) embeddedpg.Stats {
	t.Helper()
	got, err := s.Stats(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// session finds one by its application_name.
func session(t *testing.T, s embeddedpg.Stats, application string) embeddedpg.SessionStats {
	t.Helper()
	i := slices.IndexFunc(s.Sessions, func(s embeddedpg.SessionStats) bool { return s.Application == application })
	if i < 0 {
		t.Fatalf("no session %q among %+v", application, s.Sessions)
	}
	return s.Sessions[i]
}

// TestStats does things, and finds them told.
func TestStats(t *testing.T) {
	t.Parallel()
	s := start(t, embeddedpg.Config{
		DataDir: newCluster(t), Password: templatePassword, ArchiveDir: t.TempDir(),
		Settings: map[string]string{"shared_preload_libraries": "pg_stat_statements"},
	})
	c := connect(t, s)
	exec(t, c, "SET application_name = 'busy'")
	before := stats(t, s)
	if len(before.Statements) != 0 {
		t.Error("statements without the extension:", before.Statements)
	}
	exec(t, c, `CREATE SCHEMA "Odd one"`)
	exec(t, c, `CREATE EXTENSION pg_stat_statements SCHEMA "Odd one"`)
	exec(t, c, "CREATE TABLE t AS SELECT g FROM generate_series(1, 10000) g")
	exec(t, c, "SELECT pg_create_physical_replication_slot('kept', true), pg_switch_wal()")
	exec(t, c, "CHECKPOINT")
	exec(t, c, "SET work_mem = '64MB'")
	exec(t, c, "SELECT count(*) FROM (SELECT g, repeat('x', 1000) FROM generate_series(1, 20000) g ORDER BY 2, 1 OFFSET 0) x")
	exec(t, c, "SELECT pg_stat_force_next_flush()")
	tx, err := c.Begin(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(testContext(t), "LOCK TABLE t"); err != nil {
		t.Fatal(err)
	}
	after := stats(t, s)
	busy := session(t, after, "busy")
	if busy.State != "idle in transaction" || busy.Transaction <= 0 || busy.Statement != 0 || busy.Database != "postgres" || busy.User != "postgres" || busy.PID == 0 {
		t.Errorf("%+v", busy)
	}
	if was := session(t, before, "busy"); busy.Memory < was.Memory+16<<20 || after.Memory < busy.Memory {
		t.Errorf("a sort of 20 MB took %d to %d bytes, of %d", was.Memory, busy.Memory, after.Memory)
	}
	b, a := database(t, before, "postgres"), database(t, after, "postgres")
	if a.Size <= b.Size || a.RowsInserted < b.RowsInserted+10000 || a.Commits <= b.Commits || a.BlocksHit <= b.BlocksHit || a.Connections != 2 || a.TransactionAge == 0 {
		t.Errorf("%+v and %+v", b, a)
	}
	if after.WAL.Position <= before.WAL.Position || after.WAL.Size == 0 || after.WAL.Bytes <= before.WAL.Bytes || after.Checkpoints.Requested <= before.Checkpoints.Requested {
		t.Errorf("%+v %+v", after.WAL, after.Checkpoints)
	}
	if !after.Archive.On || len(after.Slots) != 1 || after.Slots[0].Name != "kept" || after.Slots[0].Retained == 0 || after.Slots[0].Kind != "physical" {
		t.Errorf("%+v %+v", after.Archive, after.Slots)
	}
	if !slices.ContainsFunc(after.Locks, func(l embeddedpg.LockStats) bool {
		return l.Mode == "AccessExclusiveLock" && l.Held == 1 && l.Database == "postgres"
	}) {
		t.Errorf("%+v", after.Locks)
	}
	if !slices.ContainsFunc(after.Statements, func(s embeddedpg.StatementStats) bool {
		return strings.Contains(s.Query, "generate_series($1, $2)") && s.Calls == 1 && s.Total > 0 && s.ID != "" && s.Database == "postgres"
	}) {
		t.Errorf("%+v", after.Statements)
	}
	if time.Since(after.Time).Abs() > time.Hour || after.Started.After(after.Time) || after.MaxConnections == 0 || !strings.HasPrefix(after.Version, "18") || after.Recovery {
		t.Errorf("%+v", after)
	}
}

func database(t *testing.T, s embeddedpg.Stats, name string) embeddedpg.DatabaseStats {
	t.Helper()
	i := slices.IndexFunc(s.Databases, func(d embeddedpg.DatabaseStats) bool { return d.Name == name })
	if i < 0 {
		t.Fatalf("no database %q in %+v", name, s.Databases)
	}
	return s.Databases[i]
}

// TestStatsOfAMonitor reads them as a role that is no superuser.
func TestStatsOfAMonitor(t *testing.T) {
	t.Parallel()
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	c := connect(t, s)
	exec(t, c, "CREATE ROLE watcher LOGIN PASSWORD 'w' IN ROLE pg_monitor")
	exec(t, c, "SET ROLE watcher")
	got, err := embeddedpg.ReadStats(testContext(t), textQuery(c))
	if err != nil || len(got.Databases) == 0 || got.Memory != 0 || got.WAL.Size == 0 {
		t.Errorf("%+v, %v", got, err)
	}
	exec(t, c, "SET search_path = public; RESET ROLE")
	if got, err = embeddedpg.ReadStats(testContext(t), textQuery(c)); err != nil || got.Memory == 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// textQuery is pgx's simple protocol.
func textQuery(c *pgx.Conn) func(context.Context, string) ([][]string, error) {
	return func(ctx context.Context, sql string) (rows [][]string, err error) {
		results, err := c.PgConn().Exec(ctx, sql).ReadAll()
		for _, r := range results {
			for _, row := range r.Rows {
				var texts []string
				for _, v := range row {
					texts = append(texts, string(v))
				}
				rows = append(rows, texts)
			}
		}
		return rows, err
	}
}

// TestStatsOfACrash kills a session, and finds that told. In a child process its memory is told as well.
func TestStatsOfACrash(t *testing.T) {
	t.Parallel()
	s := start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword, ChildProcess: true})
	c := connect(t, s)
	exec(t, c, "SET application_name = 'here'")
	if got := session(t, stats(t, s), "here"); got.PID != int(c.PgConn().PID()) || got.Memory == 0 {
		t.Errorf("%+v", got)
	}

	s = start(t, embeddedpg.Config{DataDir: newCluster(t), Password: templatePassword})
	c = connect(t, s)
	if got := stats(t, s); got.Crashes != 0 {
		t.Error(got.Crashes)
	}
	if err := embeddedpg.Kernel(s).Kill(int(c.PgConn().PID()), abi.SIGKILL); err != nil {
		t.Fatal(err)
	}
	again(t, s)
	for {
		got, err := s.Stats(testContext(t))
		if err == nil && got.Crashes == 1 {
			break
		}
		if testContext(t).Err() != nil {
			t.Fatal(got, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
