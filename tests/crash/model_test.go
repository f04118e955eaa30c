package crash

import (
	"crypto/md5"
	"fmt"
	"maps"
	"strings"
)

// schema is what the workload works on. Rows of notes belong to the client that they name; each client also makes,
// fills and drops tables of its own.
const schema = `
	CREATE EXTENSION amcheck;
	CREATE TABLE progress (client int PRIMARY KEY, seq int NOT NULL);
	CREATE TABLE counter (n bigint NOT NULL);
	CREATE TABLE notes (client int, id int, n int NOT NULL, tags int[], body text, PRIMARY KEY (client, id));
	CREATE INDEX ON notes (n);
	CREATE INDEX ON notes USING gin (tags);
	INSERT INTO counter VALUES (0);
	INSERT INTO progress SELECT c, 0 FROM generate_series(0, 63) c;`

// A Step is a transaction of one client that was committed, or may have been: the answer never came.
type Step struct {
	Effects []Effect
	Counts  int // what it added to the counter

	// Positions in the journal of the disk: when its commit was asked for, and when the answer was there; -1: no
	// answer. The same of PREPARE TRANSACTION, for steps in two phases; else 0.
	Begun, Acked             int
	PrepareBegun, PrepareEnd int
	TwoPhase                 bool
}

// An Effect is what a Step did to one row, or to a table.
type Effect struct {
	What  string // "put", "delete"; of tables "create", "drop", "empty"
	Table string // "notes" or the client's own
	ID    int
	Value string // of the row, as rowValue makes it
}

// A State is what one client's rows are: by table, by id.
type State map[string]map[int]string

// apply makes a step's changes.
func (s State) apply(step *Step) {
	for _, e := range step.Effects {
		switch e.What {
		case "put":
			s[e.Table][e.ID] = e.Value
		case "delete":
			delete(s[e.Table], e.ID)
		case "create", "empty":
			s[e.Table] = map[int]string{}
		case "drop":
			delete(s, e.Table)
		}
	}
}

// clone returns a copy that does not change with s.
func (s State) clone() State {
	c := maps.Clone(s)
	for table, rows := range c {
		c[table] = maps.Clone(rows)
	}
	return c
}

// stateAfter is the client's state after so many steps.
func stateAfter(steps []*Step, n int) State {
	s := State{"notes": {}}
	for _, step := range steps[:n] {
		s.apply(step)
	}
	return s
}

// differs says how the database's state differs from the model's; "" if it does not.
func (s State) differs(got State) string {
	var b strings.Builder
	say := func(format string, args ...any) {
		if b.Len() < 500 {
			fmt.Fprintf(&b, format+"; ", args...)
		}
	}
	for table, rows := range s {
		have, ok := got[table]
		if !ok {
			say("table %s is missing", table)
			continue
		}
		for id, value := range rows {
			if v, ok := have[id]; !ok {
				say("%s: row %d is missing", table, id)
			} else if v != value {
				say("%s: row %d is %s, want %s", table, id, v, value)
			}
		}
		for id := range have {
			if _, ok := rows[id]; !ok {
				say("%s: row %d should not be there", table, id)
			}
		}
	}
	for table := range got {
		if _, ok := s[table]; !ok {
			say("table %s should not be there", table)
		}
	}
	return b.String()
}

// rowValue stands for a row in the model; rowValueSQL computes the same.
func rowValue(n int, body string) string { return fmt.Sprintf("%d:%x", n, md5.Sum([]byte(body))) }

const rowValueSQL = "n || ':' || md5(body)"

// A Model is what the clients were told.
type Model struct {
	Clients   [][]*Step // by client, in order; only the last of each may be without an answer
	Databases []*Database
}

// A Database is one that the administrator made. Positions are in the journal; 0: not yet, -1: no answer.
type Database struct {
	Name                 string
	CreateBegun, Created int
	DropBegun, Dropped   int
}

// known returns how many of a client's steps were surely committed at a position of the journal, and how many may
// have been.
func known(steps []*Step, position int) (surely, possibly int) {
	for surely < len(steps) && steps[surely].Acked >= 0 && steps[surely].Acked <= position {
		surely++
	}
	possibly = surely
	if possibly < len(steps) && steps[possibly].Begun < position {
		possibly++
	}
	return surely, possibly
}
