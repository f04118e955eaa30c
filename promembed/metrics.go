package promembed

import (
	"slices"
	"time"

	"nself.org/embeddedpg"
)

// stats shortens the table.
type stats = embeddedpg.Stats

// metrics are all but pg_up.
var metrics = slices.Concat(serverMetrics, databaseMetrics, sessionMetrics, walMetrics, replicationMetrics, statementMetrics)

var serverMetrics = []metric{
	gauge("pg_postmaster_start_time_seconds", "When the server was started, in Unix time.", func(s stats, emit emit) { emit(float64(s.Started.UnixMilli()) / 1000) }),
	gauge("pg_settings_max_connections", "The setting max_connections.", one(func(s stats) int { return s.MaxConnections })),
	gauge("pg_replication_is_replica", "Whether the server is a standby, or recovers: 1 or 0.", func(s stats, emit emit) { emit(number(s.Recovery)) }),
	counter("pg_crashes_total", "Processes of the server that a fault or a signal has ended since it was started.", one(func(s stats) int { return s.Crashes })),
	gauge("pg_memory_bytes", "Private memory that the processes of the server have taken so far, beside what each needs.", one(func(s stats) int64 { return s.Memory })),
}

// ofDatabase is a metric for each database.
func ofDatabase(value func(embeddedpg.DatabaseStats) int64) func(stats, emit) {
	return each(func(s stats) []embeddedpg.DatabaseStats { return s.Databases },
		func(d embeddedpg.DatabaseStats) float64 { return float64(value(d)) },
		func(d embeddedpg.DatabaseStats) []string { return []string{d.Name} })
}

// db shortens the table.
type db = embeddedpg.DatabaseStats

var databaseMetrics = []metric{
	gauge("pg_database_size_bytes", "Size of a database on the disk.", ofDatabase(func(d db) int64 { return d.Size }), "datname"),
	gauge("pg_stat_database_numbackends", "Sessions in a database.", ofDatabase(func(d db) int64 { return int64(d.Connections) }), "datname"),
	counter("pg_stat_database_xact_commit", "Transactions that were committed.", ofDatabase(func(d db) int64 { return d.Commits }), "datname"),
	counter("pg_stat_database_xact_rollback", "Transactions that were rolled back.", ofDatabase(func(d db) int64 { return d.Rollbacks }), "datname"),
	counter("pg_stat_database_blks_hit", "Blocks that were found in shared_buffers.", ofDatabase(func(d db) int64 { return d.BlocksHit }), "datname"),
	counter("pg_stat_database_blks_read", "Blocks that were read.", ofDatabase(func(d db) int64 { return d.BlocksRead }), "datname"),
	counter("pg_stat_database_tup_returned", "Rows that scans have returned.", ofDatabase(func(d db) int64 { return d.RowsReturned }), "datname"),
	counter("pg_stat_database_tup_fetched", "Rows that were fetched by indexes.", ofDatabase(func(d db) int64 { return d.RowsFetched }), "datname"),
	counter("pg_stat_database_tup_inserted", "Rows that were inserted.", ofDatabase(func(d db) int64 { return d.RowsInserted }), "datname"),
	counter("pg_stat_database_tup_updated", "Rows that were updated.", ofDatabase(func(d db) int64 { return d.RowsUpdated }), "datname"),
	counter("pg_stat_database_tup_deleted", "Rows that were deleted.", ofDatabase(func(d db) int64 { return d.RowsDeleted }), "datname"),
	counter("pg_stat_database_temp_files", "Temporary files that statements have made.", ofDatabase(func(d db) int64 { return d.TempFiles }), "datname"),
	counter("pg_stat_database_temp_bytes", "Bytes of them.", ofDatabase(func(d db) int64 { return d.TempBytes }), "datname"),
	counter("pg_stat_database_conflicts", "Statements that recovery has cancelled, on a standby.", ofDatabase(func(d db) int64 { return d.Conflicts }), "datname"),
	counter("pg_stat_database_deadlocks", "Deadlocks.", ofDatabase(func(d db) int64 { return d.Deadlocks }), "datname"),
	counter("pg_stat_database_checksum_failures_total", "Pages found damaged.", ofDatabase(func(d db) int64 { return d.BadChecksums }), "datname"),
	gauge("pg_database_transaction_age", "Transactions since a database's oldest row was frozen, of about 2^31.", ofDatabase(func(d db) int64 { return d.TransactionAge }), "datname"),
}

var walMetrics = []metric{
	counter("pg_wal_position_bytes_total", "Where the write-ahead log ends: bytes since the cluster was made.", one(func(s stats) int64 { return s.WAL.Position })),
	gauge("pg_wal_size_bytes", "Size of the files in pg_wal.", one(func(s stats) int64 { return s.WAL.Size })),
	counter("pg_stat_wal_records_total", "Records of the write-ahead log.", one(func(s stats) int64 { return s.WAL.Records })),
	counter("pg_stat_wal_fpi_total", "Whole pages in the write-ahead log.", one(func(s stats) int64 { return s.WAL.PageImages })),
	counter("pg_stat_wal_bytes_total", "Bytes of the write-ahead log.", one(func(s stats) int64 { return s.WAL.Bytes })),
	counter("pg_stat_wal_buffers_full_total", "Times that the log had to be written because its buffers were full.", one(func(s stats) int64 { return s.WAL.BuffersFull })),
	counter("pg_stat_checkpointer_num_timed_total", "Checkpoints that were due by the clock.", one(func(s stats) int64 { return s.Checkpoints.Timed })),
	counter("pg_stat_checkpointer_num_requested_total", "Checkpoints that were asked for, by a statement or by the amount of log.", one(func(s stats) int64 { return s.Checkpoints.Requested })),
	counter("pg_stat_checkpointer_buffers_written_total", "Blocks that checkpoints have written.", one(func(s stats) int64 { return s.Checkpoints.Buffers })),
	counter("pg_stat_checkpointer_write_seconds_total", "Time that checkpoints have spent in writing.", func(s stats, emit emit) { emit(s.Checkpoints.Write.Seconds()) }),
	counter("pg_stat_checkpointer_sync_seconds_total", "Time that checkpoints have spent in flushing.", func(s stats, emit emit) { emit(s.Checkpoints.Sync.Seconds()) }),
	gauge("pg_archive_on", "Whether the write-ahead log is archived: 1 or 0.", func(s stats, emit emit) { emit(number(s.Archive.On)) }),
	counter("pg_stat_archiver_archived_count", "Segments of the log that were archived.", one(func(s stats) int64 { return s.Archive.Archived })),
	counter("pg_stat_archiver_failed_count", "Tries to archive a segment that failed.", one(func(s stats) int64 { return s.Archive.Failed })),
	gauge("pg_archive_waiting_segments", "Segments of the log that are yet to be archived.", one(func(s stats) int64 { return s.Archive.Waiting })),
	gauge("pg_stat_archiver_last_archive_age", "Seconds since a segment was last archived; none if none was.", func(s stats, emit emit) {
		if t := s.Archive.LastArchived; t != nil {
			emit(s.Time.Sub(*t).Seconds())
		}
	}),
}

// ofSlot is a metric for each replication slot.
func ofSlot(value func(embeddedpg.SlotStats) float64) func(stats, emit) {
	return each(func(s stats) []embeddedpg.SlotStats { return s.Slots }, value,
		func(s embeddedpg.SlotStats) []string { return []string{s.Name, s.Kind} })
}

// ofReplica is a metric for the farthest behind of the standbys of each name.
func ofReplica(value func(embeddedpg.ReplicaStats) float64) func(stats, emit) {
	return func(s stats, emit emit) {
		most := map[string]float64{}
		for _, r := range s.Replicas {
			most[r.Name] = max(most[r.Name], value(r))
		}
		for name, v := range most {
			emit(v, name)
		}
	}
}

var replicationMetrics = []metric{
	gauge("pg_replication_slot_slot_is_active", "Whether somebody uses a replication slot: 1 or 0.", ofSlot(func(s embeddedpg.SlotStats) float64 { return number(s.Active) }), "slot_name", "slot_type"),
	gauge("pg_replication_slot_retained_bytes", "Bytes of the log that are kept for a replication slot.", ofSlot(func(s embeddedpg.SlotStats) float64 { return float64(s.Retained) }), "slot_name", "slot_type"),
	gauge("pg_replication_slot_lost", "Whether a replication slot needs log that is gone: 1 or 0.", ofSlot(func(s embeddedpg.SlotStats) float64 { return number(s.Status == "lost") }), "slot_name", "slot_type"),
	gauge("pg_stat_replication_behind_bytes", "Bytes of the log that a standby has not replayed.", ofReplica(func(r embeddedpg.ReplicaStats) float64 { return float64(r.Behind) }), "application_name"),
	gauge("pg_stat_replication_replay_lag_seconds", "Time between a commit here and its replay on a standby.", ofReplica(func(r embeddedpg.ReplicaStats) float64 { return r.Lag.Seconds() }), "application_name"),
}

// ofStatement is a metric for each of the statements that took most time. Their text is in Stats, and not here.
func ofStatement(value func(embeddedpg.StatementStats) float64) func(stats, emit) {
	return func(s stats, emit emit) {
		sum := map[[3]string]float64{}
		for _, q := range s.Statements {
			sum[[3]string{q.Database, q.User, q.ID}] += value(q)
		}
		for labels, v := range sum {
			emit(v, labels[:]...)
		}
	}
}

var statementMetrics = []metric{
	counter("pg_stat_statements_calls_total", "Times that a statement was run, of the 20 that took most time.", ofStatement(func(q embeddedpg.StatementStats) float64 { return float64(q.Calls) }), "datname", "user", "queryid"),
	counter("pg_stat_statements_seconds_total", "Time that a statement has taken.", ofStatement(func(q embeddedpg.StatementStats) float64 { return q.Total.Seconds() }), "datname", "user", "queryid"),
	counter("pg_stat_statements_rows_total", "Rows that a statement has returned or changed.", ofStatement(func(q embeddedpg.StatementStats) float64 { return float64(q.Rows) }), "datname", "user", "queryid"),
	gauge("pg_longest_statement_seconds", "How long the longest of the statements that run has been running.", longest(func(s embeddedpg.SessionStats) time.Duration { return s.Statement })),
	gauge("pg_longest_transaction_seconds", "How long the longest of the open transactions has been open.", longest(func(s embeddedpg.SessionStats) time.Duration { return s.Transaction })),
}

// longest is the longest of a time of all sessions.
func longest(of func(embeddedpg.SessionStats) time.Duration) func(stats, emit) {
	return func(s stats, emit emit) {
		most := time.Duration(0)
		for _, session := range s.Sessions {
			most = max(most, of(session))
		}
		emit(most.Seconds())
	}
}
