package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// metrics has a database serve metrics on an address; "" or none: on none. One that other machines reach needs a token.
func (p *project) metrics(o *supervisor.Options, address string) error {
	o.Metrics, o.MetricsToken = "", p.Get(metricsTokenVariable)
	if address == "" || address == listenNone {
		return nil
	}
	bad := func(err error, hint string) error {
		return &embeddedpg.Error{Op: "serve metrics on", Path: address, Err: err, Hint: hint}
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return bad(err, "give an address and a port: 127.0.0.1:9187")
	}
	if !loopback(address) && len(o.MetricsToken) < minMetricsToken {
		return bad(errors.New("other machines reach it, and there is no secret that they must know"),
			fmt.Sprintf("set %s in .env to one of at least %d letters, and Prometheus' authorization credentials to the same; or use 127.0.0.1", metricsTokenVariable, minMetricsToken))
	}
	o.Metrics = address
	return nil
}

const (
	metricsVariable      = "NSELF_METRICS"
	metricsTokenVariable = "NSELF_METRICS_TOKEN"
	minMetricsToken      = 16
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

	Stats embeddedpg.Stats `json:"stats"` // all of it
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
	s, err := db.stats(ctx)
	if err != nil {
		return err
	}
	m := databaseMetrics{Connections: len(s.Sessions), MaxConnections: s.MaxConnections, WAL: s.WAL.Size, Stats: s}
	for _, d := range s.Databases {
		m.Size += d.Size
		m.Commits += d.Commits
		m.Rollbacks += d.Rollbacks
		m.Deadlocks += d.Deadlocks
		m.BadChecksums += d.BadChecksums
	}
	r.Metrics = &m
	return nil
}

// stats asks a running database how it is.
func (d database) stats(ctx context.Context) (embeddedpg.Stats, error) {
	c, err := d.connect(ctx)
	if err != nil {
		return embeddedpg.Stats{}, err
	}
	defer c.Close(ctx)
	return embeddedpg.ReadStats(ctx, func(ctx context.Context, sql string) (rows [][]string, err error) {
		results, err := c.PgConn().Exec(ctx, sql).ReadAll()
		for _, r := range results {
			for _, row := range r.Rows {
				texts := make([]string, len(row))
				for i, v := range row {
					texts[i] = string(v)
				}
				rows = append(rows, texts)
			}
		}
		return rows, err
	})
}

func (m databaseMetrics) print(w io.Writer) {
	fmt.Fprintf(w, "  connections    %d of %d\n", m.Connections, m.MaxConnections)
	fmt.Fprintf(w, "  memory         %s, private to the processes of the server\n", size(m.Stats.Memory))
	fmt.Fprintf(w, "  size           %s, and %s of WAL\n", size(m.Size), size(m.WAL))
	fmt.Fprintf(w, "  transactions   %d committed, %d rolled back\n", m.Commits, m.Rollbacks)
	fmt.Fprintf(w, "  deadlocks      %d\n", m.Deadlocks)
	fmt.Fprintf(w, "  bad checksums  %d\n", m.BadChecksums)
	fmt.Fprintf(w, "  crashes        %d since the start\n", m.Stats.Crashes)
}
