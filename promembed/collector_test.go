package promembed_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/promembed"
)

// source is a server that says this.
type source struct {
	stats embeddedpg.Stats
	err   error
}

func (s source) Stats(context.Context) (embeddedpg.Stats, error) { return s.stats, s.err }

func gather(t *testing.T, s source) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(promembed.NewCollector(s))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return got
}

// TestCollector has no two series of the same labels, whatever sessions there are, and keeps what belongs together apart.
func TestCollector(t *testing.T) {
	now := time.Now()
	hour := now.Add(-time.Hour)
	got := gather(t, source{stats: embeddedpg.Stats{
		Time: now, MaxConnections: 200, Memory: 60, Crashes: 2,
		Sessions: []embeddedpg.SessionStats{
			{PID: 1, Database: "d", User: "u", State: "idle", Memory: 10},
			{PID: 2, Database: "d", User: "u", State: "active", Wait: "Lock/relation", Memory: 30, Statement: time.Second, Transaction: time.Minute},
			{PID: 3, Database: "e", User: "u", State: "active", Memory: 5, Statement: 2 * time.Second},
		},
		Locks:     []embeddedpg.LockStats{{Database: "d", Mode: "m", Held: 2, Awaited: 1}, {Database: "d", Mode: "n", Awaited: 3}},
		Databases: []embeddedpg.DatabaseStats{{Name: "d", Size: 7}, {Name: "quote\" \\ \n", Size: 8}},
		Archive:   embeddedpg.ArchiveStats{On: true, LastArchived: &hour},
		Slots:     []embeddedpg.SlotStats{{Name: "s", Kind: "physical", Status: "lost"}},
		Replicas:  []embeddedpg.ReplicaStats{{Name: "r", Behind: 5}, {Name: "r", Behind: 9, Lag: time.Second}},
		Statements: []embeddedpg.StatementStats{
			{ID: "1", Database: "d", User: "u", Calls: 3, Total: time.Second}, {ID: "1", Database: "d", User: "u", Calls: 4},
		},
	}})
	for name, want := range map[string]float64{
		"pg_up": 1, "pg_settings_max_connections": 200, "pg_memory_bytes": 60, "pg_crashes_total": 2,
		"pg_stat_activity_count d idle u": 1, "pg_stat_activity_count d active u": 1, "pg_stat_activity_waiting d u": 1, "pg_stat_activity_waiting e u": 0,
		"pg_session_memory_bytes d u": 40, "pg_session_memory_max_bytes d u": 30, "pg_session_memory_bytes e u": 5,
		"pg_locks_count d m": 3, "pg_locks_awaited d": 4, "pg_database_size_bytes d": 7, "pg_database_size_bytes quote\" \\ \n": 8,
		"pg_longest_statement_seconds": 2, "pg_longest_transaction_seconds": 60, "pg_archive_on": 1, "pg_stat_archiver_last_archive_age": 3600,
		"pg_replication_slot_lost s physical": 1, "pg_stat_replication_behind_bytes r": 9, "pg_stat_replication_replay_lag_seconds r": 1,
		"pg_stat_statements_calls_total d 1 u": 7, "pg_stat_statements_seconds_total d 1 u": 1,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s: %v, %v, want %v", name, v, ok, want)
		}
	}
}

func TestCollectorOfNoServer(t *testing.T) {
	got := gather(t, source{err: errors.New("gone")})
	if v, ok := got["pg_up"]; !ok || v != 0 || len(got) != 1 {
		t.Error(got)
	}
}

// TestServer registers a real one.
func TestServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := embeddedpg.Start(ctx, embeddedpg.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(promembed.NewCollector(s))
	if n, err := testutil.GatherAndCount(registry, "pg_up", "pg_database_size_bytes", "pg_wal_size_bytes"); err != nil || n < 4 {
		t.Error(n, err)
	}
}
