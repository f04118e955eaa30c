package studio

import (
	"context"
	"net/http"
)

// Session is a connection to the server.
type Session struct {
	PID         int32    `json:"pid"`
	Database    string   `json:"database"`
	User        string   `json:"user"`
	Application string   `json:"application"`
	Client      string   `json:"client"`
	State       string   `json:"state"`
	Wait        string   `json:"wait"`        // what it waits for
	Transaction *float64 `json:"transaction"` // its age in seconds; nil: none is open
	Query       string   `json:"query"`       // the present one, or the last; its beginning
	Age         float64  `json:"age"`         // seconds since the query began, or since the session came to its state
	BlockedBy   []int32  `json:"blocked_by"`  // sessions whose locks it waits for
	Locks       []string `json:"locks"`       // that it has or waits for, on relations
	Own         bool     `json:"own"`         // it is one of the studio's
}

// sessions are those of clients, in all databases. Names of relations are known in the present database alone.
func (s *Studio) sessions(ctx context.Context, in in) ([]Session, error) {
	return list[Session](ctx, s, in.Database, `
		SELECT a.pid, coalesce(a.datname, '') AS database, coalesce(a.usename, '') AS user, coalesce(a.application_name, '') AS application,
			coalesce(host(a.client_addr), 'socket') AS client, coalesce(a.state, '') AS state,
			CASE WHEN a.state IS DISTINCT FROM 'idle' THEN concat_ws(': ', a.wait_event_type, a.wait_event) ELSE '' END AS wait,
			extract(epoch FROM clock_timestamp() - a.xact_start)::float8 AS transaction, left(a.query, 2000) AS query,
			coalesce(extract(epoch FROM clock_timestamp() - CASE WHEN a.state = 'active' THEN a.query_start ELSE a.state_change END), 0)::float8 AS age,
			pg_blocking_pids(a.pid) AS blocked_by,
			ARRAY(SELECT DISTINCT l.mode || CASE WHEN l.granted THEN '' ELSE ', waiting' END || ' on ' || coalesce(l.relation::regclass::text, l.locktype)
				FROM pg_locks l WHERE l.pid = a.pid AND l.locktype NOT IN ('virtualxid') AND (l.database IS NULL OR l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
				ORDER BY 1 LIMIT 30) AS locks,
			a.application_name = $1 AS own
		FROM pg_stat_activity a WHERE a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
		ORDER BY a.state = 'idle', a.backend_start LIMIT 1000`, applicationName)
}

// End asks for the end of what a session does, or of the session.
type End struct {
	PID     int32 `json:"pid"`
	Session bool  `json:"session"`
}

// end cancels a session's statement, or ends the session.
func (s *Studio) end(ctx context.Context, e End) (none, error) {
	if s.config.ReadOnly {
		return none{}, errReadOnly()
	}
	pool, err := s.pools.get("")
	if err != nil {
		return none{}, err
	}
	f := "pg_cancel_backend"
	if e.Session {
		f = "pg_terminate_backend"
	}
	done := false
	err = pool.QueryRow(ctx, "SELECT coalesce((SELECT "+f+"(pid) FROM pg_stat_activity WHERE pid = $1 AND backend_type = 'client backend'), false)", e.PID).Scan(&done)
	if err == nil && !done {
		err = &wrong{failure{Message: "there is no such session any more"}, http.StatusConflict}
	}
	return none{}, err
}
