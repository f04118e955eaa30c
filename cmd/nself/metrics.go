package main

import (
	"context"
	"fmt"
	"io"
)

// databaseMetrics is what status --metrics adds.
type databaseMetrics struct {
	Connections    int   `json:"connections"` // of clients, but for the one that asks
	MaxConnections int   `json:"max_connections"`
	Size           int64 `json:"size"`      // bytes, of all databases
	WAL            int64 `json:"wal"`       // bytes in pg_wal
	Commits        int64 `json:"commits"`   // since the statistics began, as the rest
	Rollbacks      int64 `json:"rollbacks"` //
	Deadlocks      int64 `json:"deadlocks"`
	BadChecksums   int64 `json:"bad_checksums"` // pages found damaged
}

// measure adds the metrics, if the database answers.
func (p *project) measure(ctx context.Context, r *report) error {
	if len(r.Services) == 0 || !r.Services[0].Healthy {
		return nil
	}
	db, err := p.reach(ctx)
	if err != nil {
		return err
	}
	c, err := db.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	var m databaseMetrics
	err = c.QueryRow(ctx, `SELECT
	(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
	current_setting('max_connections')::int,
	(SELECT sum(pg_database_size(oid))::bigint FROM pg_database WHERE datallowconn),
	(SELECT coalesce(sum(size), 0)::bigint FROM pg_ls_waldir()),
	sum(xact_commit)::bigint, sum(xact_rollback)::bigint, sum(deadlocks)::bigint, coalesce(sum(checksum_failures), 0)::bigint
FROM pg_stat_database`).Scan(&m.Connections, &m.MaxConnections, &m.Size, &m.WAL, &m.Commits, &m.Rollbacks, &m.Deadlocks, &m.BadChecksums)
	if err == nil {
		r.Metrics = &m
	}
	return err
}

func (m databaseMetrics) print(w io.Writer) {
	fmt.Fprintf(w, "  connections    %d of %d\n", m.Connections, m.MaxConnections)
	fmt.Fprintf(w, "  size           %s, and %s of WAL\n", size(m.Size), size(m.WAL))
	fmt.Fprintf(w, "  transactions   %d committed, %d rolled back\n", m.Commits, m.Rollbacks)
	fmt.Fprintf(w, "  deadlocks      %d\n", m.Deadlocks)
	fmt.Fprintf(w, "  bad checksums  %d\n", m.BadChecksums)
}
