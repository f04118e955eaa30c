package embeddedpg

import (
	"strings"

	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/sqlwire"
)

// ownNames is the first statement: the session's database may be anybody's, and have functions of the names used here.
const ownNames = "SET search_path = pg_catalog"

// statsQuery returns one row with one column, which is a Stats as JSON without what usageQuery tells. $ns( begins an interval's
// nanoseconds, $lsn is where the log ends.
func statsQuery() string {
	return strings.NewReplacer(
		"$ns(", "(1e9 * date_part('epoch', ",
		"$lsn", "(CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) ELSE pg_current_wal_lsn() END)",
	).Replace(statsText)
}

const statsText = `
WITH sessions AS (
	SELECT pid, coalesce(datname, '') AS database, coalesce(usename, '') AS "user", application_name AS application,
		coalesce(state, '') AS state, coalesce(CASE WHEN state <> 'idle' THEN wait_event_type || '/' || wait_event END, '') AS wait,
		coalesce($ns(clock_timestamp() - state_change))::bigint, 0) AS in_state,
		coalesce($ns(clock_timestamp() - xact_start))::bigint, 0) AS transaction,
		coalesce(CASE WHEN state = 'active' THEN $ns(clock_timestamp() - query_start))::bigint END, 0) AS statement
	FROM pg_stat_activity
	WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid),
locks AS (
	SELECT coalesce(d.datname, '') AS database, l.mode, count(*) FILTER (WHERE l.granted) AS held, count(*) FILTER (WHERE NOT l.granted) AS awaited
	FROM pg_locks l LEFT JOIN pg_database d ON d.oid = l.database
	WHERE l.pid <> pg_backend_pid() GROUP BY 1, 2 ORDER BY 1, 2),
databases AS (
	SELECT d.datname AS name, pg_database_size(d.oid) AS size, s.numbackends AS connections, s.xact_commit AS commits,
		s.xact_rollback AS rollbacks, s.blks_read AS blocks_read, s.blks_hit AS blocks_hit, s.tup_returned AS rows_returned,
		s.tup_fetched AS rows_fetched, s.tup_inserted AS rows_inserted, s.tup_updated AS rows_updated, s.tup_deleted AS rows_deleted,
		s.temp_files, s.temp_bytes, s.conflicts, s.deadlocks, coalesce(s.checksum_failures, 0) AS bad_checksums,
		age(d.datfrozenxid) AS transaction_age
	FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid WHERE d.datallowconn ORDER BY 1),
slots AS (
	SELECT slot_name AS name, slot_type AS kind, active, coalesce(wal_status, '') AS status,
		greatest(coalesce(pg_wal_lsn_diff($lsn, restart_lsn), 0), 0)::bigint AS retained
	FROM pg_replication_slots ORDER BY 1),
replicas AS (
	SELECT application_name AS name, coalesce(state, '') AS state, coalesce(pg_wal_lsn_diff($lsn, replay_lsn), 0)::bigint AS behind,
		coalesce($ns(replay_lag))::bigint, 0) AS lag
	FROM pg_stat_replication ORDER BY 1)
SELECT json_build_object(
	'time', clock_timestamp(), 'started', pg_postmaster_start_time(),
	'version', current_setting('server_version'), 'recovery', pg_is_in_recovery(),
	'max_connections', current_setting('max_connections')::int,
	'sessions', coalesce((SELECT json_agg(x) FROM sessions x), '[]'),
	'locks', coalesce((SELECT json_agg(x) FROM locks x), '[]'),
	'databases', coalesce((SELECT json_agg(x) FROM databases x), '[]'),
	'slots', coalesce((SELECT json_agg(x) FROM slots x), '[]'),
	'replicas', coalesce((SELECT json_agg(x) FROM replicas x), '[]'),
	'wal', (SELECT json_build_object('position', pg_wal_lsn_diff($lsn, '0/0')::bigint,
			'size', (SELECT coalesce(sum(size), 0)::bigint FROM pg_ls_waldir()),
			'records', wal_records, 'page_images', wal_fpi, 'bytes', wal_bytes::bigint, 'buffers_full', wal_buffers_full)
		FROM pg_stat_wal),
	'checkpoints', (SELECT json_build_object('timed', num_timed, 'requested', num_requested, 'buffers', buffers_written,
			'write', (1e6 * write_time)::bigint, 'sync', (1e6 * sync_time)::bigint)
		FROM pg_stat_checkpointer),
	'archive', (SELECT json_build_object('on', current_setting('archive_mode') <> 'off', 'archived', archived_count,
			'last_archived', last_archived_time, 'failed', failed_count, 'last_failed', last_failed_time,
			'waiting', (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'))
		FROM pg_stat_archiver))`

// offeredQuery returns whether usageQuery may be asked, and the schema of pg_stat_statements, quoted: "" unless the extension is in
// the database and its module was loaded when the server started.
const offeredQuery = `SELECT has_function_privilege('pg_read_file(text, boolean)', 'EXECUTE'), (
	SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
	WHERE e.extname = 'pg_stat_statements' AND current_setting('pg_stat_statements.max', true) IS NOT NULL)`

// usageQuery returns what the server's processes take, as JSON; null of a server that is not this package's.
func usageQuery() string {
	return "SELECT coalesce(pg_read_file(" + sqlwire.Literal(cluster.UsageFile) + ", true), 'null')"
}

// statementsQuery returns the statements that took most time, as a JSON list.
func statementsQuery(schema string) string {
	return strings.ReplaceAll(`
SELECT coalesce(json_agg(x), '[]') FROM (
	SELECT s.queryid::text AS id, coalesce(d.datname, '') AS database, coalesce(r.rolname, '') AS "user", coalesce(s.query, '') AS query,
		s.calls, (1e6 * s.total_exec_time)::bigint AS total, (1e6 * s.max_exec_time)::bigint AS max, s.rows,
		s.shared_blks_read AS read, s.shared_blks_hit AS hit
	FROM $schema.pg_stat_statements s LEFT JOIN pg_database d ON d.oid = s.dbid LEFT JOIN pg_roles r ON r.oid = s.userid
	WHERE s.toplevel AND s.queryid IS NOT NULL ORDER BY s.total_exec_time DESC LIMIT 20) x`, "$schema", schema)
}
