package embeddedpg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Stats is what a server tells of itself at one moment. Numbers that count are since the statistics began, which a crash of the
// server begins again; sizes are bytes. As JSON, durations are nanoseconds.
type Stats struct {
	Time           time.Time        `json:"time"`
	Started        time.Time        `json:"started"`  // the server
	Version        string           `json:"version"`  // PostgreSQL's
	Recovery       bool             `json:"recovery"` // it is a standby, or recovers
	Crashes        int              `json:"crashes"`  // processes that a fault or a signal ended since Start, after each of which the server recovers
	MaxConnections int              `json:"max_connections"`
	Sessions       []SessionStats   `json:"sessions"` // of clients, but for the one that asks
	Memory         int64            `json:"memory"`   // private memory of all processes, as in SessionStats
	Locks          []LockStats      `json:"locks"`
	Databases      []DatabaseStats  `json:"databases"` // those that take connections
	WAL            WALStats         `json:"wal"`
	Checkpoints    CheckpointStats  `json:"checkpoints"`
	Archive        ArchiveStats     `json:"archive"`
	Slots          []SlotStats      `json:"slots"`
	Replicas       []ReplicaStats   `json:"replicas"`
	Statements     []StatementStats `json:"statements"` // the 20 that took most time; empty without the extension pg_stat_statements in the database
}

// SessionStats is one client's session.
type SessionStats struct {
	PID         int           `json:"pid"` // PostgreSQL's number of it, for pg_cancel_backend
	Database    string        `json:"database"`
	User        string        `json:"user"`
	Application string        `json:"application"`
	State       string        `json:"state"`       // active, idle, idle in transaction ...: pg_stat_activity's
	Wait        string        `json:"wait"`        // what it waits for, such as Lock/relation; "": nothing
	InState     time.Duration `json:"in_state"`    // how long
	Transaction time.Duration `json:"transaction"` // how long the present one lasts; 0: there is none
	Statement   time.Duration `json:"statement"`   // how long the present one lasts; 0: none is running

	// Memory is the most private memory that the session has used so far, beside what every session needs; it is given back when
	// the session ends. Config.SessionMemory limits it. 0 of a server that is not this package's.
	Memory int64 `json:"memory"`
}

// LockStats is how many locks of one mode a database has.
type LockStats struct {
	Database string `json:"database"` // "": of no database
	Mode     string `json:"mode"`     // such as AccessShareLock
	Held     int64  `json:"held"`
	Awaited  int64  `json:"awaited"`
}

// DatabaseStats is pg_stat_database's row of a database, and its size.
type DatabaseStats struct {
	Name           string `json:"name"`
	Size           int64  `json:"size"`
	Connections    int    `json:"connections"`
	Commits        int64  `json:"commits"`
	Rollbacks      int64  `json:"rollbacks"`
	BlocksRead     int64  `json:"blocks_read"` // 8 kB each, that were not in shared_buffers
	BlocksHit      int64  `json:"blocks_hit"`  // that were
	RowsReturned   int64  `json:"rows_returned"`
	RowsFetched    int64  `json:"rows_fetched"`
	RowsInserted   int64  `json:"rows_inserted"`
	RowsUpdated    int64  `json:"rows_updated"`
	RowsDeleted    int64  `json:"rows_deleted"`
	TempFiles      int64  `json:"temp_files"`
	TempBytes      int64  `json:"temp_bytes"`
	Conflicts      int64  `json:"conflicts"`
	Deadlocks      int64  `json:"deadlocks"`
	BadChecksums   int64  `json:"bad_checksums"`   // pages found damaged
	TransactionAge int64  `json:"transaction_age"` // transactions since its oldest row was frozen, of about 2^31
}

// WALStats is the write-ahead log's.
type WALStats struct {
	Position    int64 `json:"position"` // bytes written since the cluster was made; received, of a standby
	Size        int64 `json:"size"`     // of the files in pg_wal
	Records     int64 `json:"records"`
	PageImages  int64 `json:"page_images"`
	Bytes       int64 `json:"bytes"`
	BuffersFull int64 `json:"buffers_full"`
}

// CheckpointStats is pg_stat_checkpointer.
type CheckpointStats struct {
	Timed     int64         `json:"timed"`
	Requested int64         `json:"requested"`
	Buffers   int64         `json:"buffers"` // that were written
	Write     time.Duration `json:"write"`
	Sync      time.Duration `json:"sync"`
}

// ArchiveStats tells of the archiving of the log.
type ArchiveStats struct {
	On           bool       `json:"on"`
	Archived     int64      `json:"archived"` // segments
	LastArchived *time.Time `json:"last_archived"`
	Failed       int64      `json:"failed"` // tries
	LastFailed   *time.Time `json:"last_failed"`
	Waiting      int64      `json:"waiting"` // segments
}

// SlotStats is a replication slot.
type SlotStats struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"` // physical or logical
	Active   bool   `json:"active"`
	Status   string `json:"status"`   // reserved, extended, unreserved or lost
	Retained int64  `json:"retained"` // bytes of the log that are kept for it
}

// ReplicaStats is a standby, or another receiver of the log, that is connected.
type ReplicaStats struct {
	Name   string        `json:"name"` // its application_name
	State  string        `json:"state"`
	Behind int64         `json:"behind"` // bytes of the log that it has not replayed
	Lag    time.Duration `json:"lag"`    // between a commit here and its replay there
}

// StatementStats is a kind of statement, of pg_stat_statements.
type StatementStats struct {
	ID       string        `json:"id"` // pg_stat_statements.queryid
	Database string        `json:"database"`
	User     string        `json:"user"`
	Query    string        `json:"query"` // with parameters in the place of values
	Calls    int64         `json:"calls"`
	Total    time.Duration `json:"total"` // of execution
	Max      time.Duration `json:"max"`
	Rows     int64         `json:"rows"`
	Read     int64         `json:"read"` // blocks that were not in shared_buffers
	Hit      int64         `json:"hit"`  // blocks that were
}

// Stats asks the server how it is, in a session of its own. That costs some milliseconds of a processor, and more where databases
// have thousands of tables, whose files are counted for their size. If ctx ends before, the session is given up.
func (s *Server) Stats(ctx context.Context) (Stats, error) {
	conn, err := s.query(ctx, "embeddedpg stats")
	if err != nil {
		return Stats{}, fmt.Errorf("read statistics: %w", err)
	}
	defer conn.Close()
	return ReadStats(ctx, conn.Query)
}

// ReadStats is [Server.Stats] of a PostgreSQL 18 that a program reaches by a session of its own, as a superuser or a member of
// pg_monitor. query runs a statement and returns its rows as text, "" for NULL; the session's search_path is changed. For
// those who may not read the server's files Crashes and Memory are 0.
func ReadStats(ctx context.Context, query func(ctx context.Context, sql string) ([][]string, error)) (Stats, error) {
	s, err := readStats(ctx, query)
	if err != nil {
		err = fmt.Errorf("read statistics: %w", err)
	}
	return s, err
}

func readStats(ctx context.Context, query func(context.Context, string) ([][]string, error)) (s Stats, err error) {
	if _, err := query(ctx, ownNames); err != nil {
		return s, err
	}
	offered, err := query(ctx, offeredQuery)
	if err != nil {
		return s, err
	}
	if len(offered) != 1 || len(offered[0]) != 2 {
		return s, errors.New("the server's answer has another form than was asked for")
	}
	if err := readJSON(ctx, query, statsQuery(), &s); err != nil {
		return s, err
	}
	s.Statements = []StatementStats{}
	if schema := offered[0][1]; schema != "" {
		if err := readJSON(ctx, query, statementsQuery(schema), &s.Statements); err != nil {
			return s, err
		}
	}
	if offered[0][0] != "t" {
		return s, nil
	}
	var usage struct {
		Crashes int
		Heap    map[int]int64
	}
	if err := readJSON(ctx, query, usageQuery(), &usage); err != nil {
		return s, err
	}
	s.Crashes = usage.Crashes
	for _, heap := range usage.Heap {
		s.Memory += heap
	}
	for i := range s.Sessions {
		s.Sessions[i].Memory = usage.Heap[s.Sessions[i].PID]
	}
	return s, nil
}

// readJSON reads a query's one value.
func readJSON(ctx context.Context, query func(context.Context, string) ([][]string, error), sql string, to any) error {
	rows, err := query(ctx, sql)
	if err != nil {
		return err
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return fmt.Errorf("%d rows instead of one", len(rows))
	}
	return json.Unmarshal([]byte(rows[0][0]), to)
}
