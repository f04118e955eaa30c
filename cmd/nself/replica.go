package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
)

// replicas is what replicates from the database and to it: docs/json.md.
type replicas struct {
	Standby       bool           `json:"standby"`
	WALLevel      string         `json:"wal_level"`
	Upstream      *upstream      `json:"upstream,omitempty"`
	Followers     []follower     `json:"followers"`
	Slots         []keptSlot     `json:"slots"`
	Publications  []publication  `json:"publications"`
	Subscriptions []subscription `json:"subscriptions"`
}

// upstream is the server that a standby follows.
type upstream struct {
	Host   string        `json:"host"`
	Status string        `json:"status"`
	Behind time.Duration `json:"behind"` // since the last transaction that was replayed
}

// follower is a standby or a subscriber that is connected.
type follower struct {
	Name    string        `json:"name"`
	Address string        `json:"address"`
	State   string        `json:"state"`
	Bytes   int64         `json:"bytes"` // of the log that it has not confirmed
	Behind  time.Duration `json:"behind"`
}

// keptSlot keeps the log for a follower, there or not.
type keptSlot struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"` // physical or logical
	Database string `json:"database"`
	Active   bool   `json:"active"`
	Kept     int64  `json:"kept"`   // bytes of the log
	Status   string `json:"status"` // wal_status of pg_replication_slots
}

type publication struct {
	Name   string `json:"name"`
	Tables int    `json:"tables"`
}

type subscription struct {
	Name    string        `json:"name"`
	Enabled bool          `json:"enabled"`
	Running bool          `json:"running"`
	Errors  int64         `json:"errors"`
	Behind  time.Duration `json:"behind"` // since the last message
}

func newReplica(p *project) *cobra.Command {
	c := &cobra.Command{
		Use:   "replica",
		Short: "Show what replicates from the database, and to it",
		Long: `Show the standbys and subscribers that follow the database, the replication slots and how much of the
log each keeps, publications and subscriptions, and of a standby the server that it follows. How to
make them: docs/replication.md.`,
		Example: "  nself replica\n  nself replica --json",
		Args:    cobra.NoArgs,
	}
	asJSON := jsonFlag(c)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		db, err := p.reach(cmd.Context())
		if err != nil {
			return err
		}
		conn, err := db.connect(cmd.Context())
		if err != nil {
			return err
		}
		defer conn.Close(context.WithoutCancel(cmd.Context()))
		r, err := readReplicas(cmd.Context(), conn)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), r)
		}
		return r.print(cmd.OutOrStdout())
	}
	return c
}

// nanoseconds is SQL for an interval as a time.Duration; NULL is 0.
func nanoseconds(interval string) string {
	return "coalesce(extract(epoch FROM " + interval + ") * 1e9, 0)::int8"
}

// readReplicas asks the server's views.
func readReplicas(ctx context.Context, conn *pgx.Conn) (r replicas, err error) {
	if err := conn.QueryRow(ctx, "SELECT pg_is_in_recovery(), current_setting('wal_level')").Scan(&r.Standby, &r.WALLevel); err != nil {
		return r, err
	}
	const position = "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END"
	up, err := collect[upstream](ctx, conn, "SELECT coalesce(sender_host || ':' || sender_port, ''), status, "+nanoseconds("now() - pg_last_xact_replay_timestamp()")+" FROM pg_stat_wal_receiver")
	if err != nil {
		return r, err
	}
	if len(up) > 0 {
		r.Upstream = &up[0]
	}
	if r.Followers, err = collect[follower](ctx, conn, "SELECT application_name, coalesce(host(client_addr), 'local'), state, coalesce(pg_wal_lsn_diff("+position+", coalesce(replay_lsn, sent_lsn)), 0)::int8, "+
		nanoseconds("replay_lag")+" FROM pg_stat_replication ORDER BY 1"); err != nil {
		return r, err
	}
	if r.Slots, err = collect[keptSlot](ctx, conn, "SELECT slot_name::text, slot_type, coalesce(database::text, ''), active, greatest(coalesce(pg_wal_lsn_diff("+position+", restart_lsn), 0), 0)::int8, coalesce(wal_status, '') FROM pg_replication_slots WHERE NOT temporary ORDER BY 1"); err != nil {
		return r, err
	}
	if r.Publications, err = collect[publication](ctx, conn, "SELECT pubname::text, (SELECT count(*) FROM pg_publication_tables t WHERE t.pubname = p.pubname)::int FROM pg_publication p ORDER BY 1"); err != nil {
		return r, err
	}
	r.Subscriptions, err = collect[subscription](ctx, conn, `SELECT s.subname::text, subenabled, EXISTS (SELECT FROM pg_stat_subscription t WHERE t.subid = s.oid AND pid IS NOT NULL),
		(SELECT apply_error_count + sync_error_count FROM pg_stat_subscription_stats t WHERE t.subid = s.oid),
		`+nanoseconds("now() - (SELECT max(latest_end_time) FROM pg_stat_subscription t WHERE t.subid = s.oid)")+`
		FROM pg_subscription s WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1`)
	return r, err
}

// collect reads rows into structures, field by field; none is an empty list.
func collect[T any](ctx context.Context, conn *pgx.Conn, sql string) ([]T, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[T])
	if all == nil {
		all = []T{}
	}
	return all, err
}

// print writes tables for people.
func (r replicas) print(w io.Writer) error {
	if r.Standby && r.Upstream != nil {
		fmt.Fprintf(w, "A standby of %s: %s, %v behind.\n", r.Upstream.Host, r.Upstream.Status, r.Upstream.Behind.Round(time.Millisecond))
	} else if r.Standby {
		fmt.Fprintf(w, "A standby that is not connected to its primary.\n")
	}
	if len(r.Followers)+len(r.Slots)+len(r.Publications)+len(r.Subscriptions) == 0 && !r.Standby {
		fmt.Fprintf(w, "Nothing replicates; wal_level is %s. How to begin: docs/replication.md.\n", r.WALLevel)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, f := range r.Followers {
		fmt.Fprintf(t, "follower\t%s\t%s\t%s\t%s to confirm, %v behind\n", f.Name, f.Address, f.State, size(f.Bytes), f.Behind.Round(time.Millisecond))
	}
	for _, s := range r.Slots {
		state := "nobody reads it"
		if s.Active {
			state = "read"
		}
		fmt.Fprintf(t, "slot\t%s\t%s\t%s\tkeeps %s of the log (%s)\n", s.Name, s.Kind, state, size(s.Kept), s.Status)
	}
	for _, p := range r.Publications {
		fmt.Fprintf(t, "publication\t%s\t%s\t\t\n", p.Name, plural(p.Tables, "table"))
	}
	for _, s := range r.Subscriptions {
		state := "disabled"
		if s.Enabled {
			state = "does not run"
		}
		if s.Running {
			state = "runs"
		}
		fmt.Fprintf(t, "subscription\t%s\t%s\t%s\tlast message %v ago\n", s.Name, state, plural(int(s.Errors), "error"), s.Behind.Round(time.Millisecond))
	}
	return t.Flush()
}
