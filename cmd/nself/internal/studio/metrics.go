package studio

import "context"

// Sample is where the server's counters are at a moment. The page draws their growth.
type Sample struct {
	At          float64 `json:"at"` // seconds
	Active      int64   `json:"active"`
	Idle        int64   `json:"idle"`
	InTx        int64   `json:"in_tx"` // idle within a transaction
	Waiting     int64   `json:"waiting"`
	Limit       int64   `json:"limit"` // max_connections
	Commits     int64   `json:"commits"`
	Rollbacks   int64   `json:"rollbacks"`
	Hits        int64   `json:"hits"`
	Reads       int64   `json:"reads"` // blocks that were not in shared buffers
	Returned    int64   `json:"returned"`
	Changed     int64   `json:"changed"`
	WAL         int64   `json:"wal"`  // bytes
	Temp        int64   `json:"temp"` // bytes
	Deadlocks   int64   `json:"deadlocks"`
	Checkpoints int64   `json:"checkpoints"`
}

// metrics reads the counters, of all databases together. The studio's own sessions are not counted.
func (s *Studio) metrics(ctx context.Context, _ none) (Sample, error) {
	all, err := list[Sample](ctx, s, "", `
		SELECT extract(epoch FROM clock_timestamp())::float8 AS at, a.*, current_setting('max_connections')::int8 AS limit, d.*, w.wal_bytes::int8 AS wal, c.num_done AS checkpoints
		FROM (SELECT count(*) FILTER (WHERE state = 'active') AS active, count(*) FILTER (WHERE state = 'idle') AS idle,
				count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS in_tx, count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting
			FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> $1) a,
			(SELECT sum(xact_commit)::int8 AS commits, sum(xact_rollback)::int8 AS rollbacks, sum(blks_hit)::int8 AS hits, sum(blks_read)::int8 AS reads,
				sum(tup_returned)::int8 AS returned, sum(tup_inserted + tup_updated + tup_deleted)::int8 AS changed, sum(temp_bytes)::int8 AS temp, sum(deadlocks)::int8 AS deadlocks
			FROM pg_stat_database) d, pg_stat_wal w, pg_stat_checkpointer c`, applicationName)
	if err != nil || len(all) == 0 {
		return Sample{}, err
	}
	return all[0], nil
}
