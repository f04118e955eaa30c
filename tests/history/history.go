// Package history checks histories of concurrent transactions for anomalies of isolation, by what the transactions read and
// wrote and by nothing else: it knows no SQL.
//
// Transactions append distinct numbers to lists and read whole lists. So each read tells every write before it, and in which
// order they were: from that follow the dependencies between transactions (who overwrote, read or overlooked whose
// write), and a cycle of dependencies is an anomaly. The method and its names are those of Adya's thesis (Weak Consistency, MIT 1999) and
// of Elle (Kingsbury and Alvaro, VLDB 2020).
package history

// A Txn is one transaction as its client saw it.
type Txn struct {
	Client  int
	Ops     []Op
	Outcome Outcome

	// Begin is a moment before its first snapshot was taken, End one after the client had been told of its end. All
	// moments of a history are of one clock that only moves forward.
	Begin, End int64
}

// An Op appends a number to the list of a key, or reads that list.
type Op struct {
	Key    string
	Append int   // 0: it is a read
	Read   []int // what a read found; never changed
	Undone bool  // an append that was rolled back to a savepoint; reads between the two do not belong into a history
}

// Outcome is how a transaction ended.
type Outcome byte

// The outcomes. Unknown is where the answer to a commit got lost: it may have happened.
const (
	Committed Outcome = iota
	Aborted
	Unknown
)

// Level is an isolation level of PostgreSQL's.
type Level byte

// The levels. What PostgreSQL calls repeatable read is snapshot isolation.
const (
	ReadCommitted Level = iota
	RepeatableRead
	Serializable
)

// String is the level's name in SQL.
func (l Level) String() string {
	return [...]string{"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"}[l]
}

// An Anomaly is something that the level does not allow.
type Anomaly struct {
	Kind Kind
	Text string
}

// Kind is what kind of anomaly it is.
type Kind string

// What a single read or write can show. None of it is allowed at any level.
const (
	Invented Kind = "read of what nobody wrote"
	Twice    Kind = "append seen twice"
	G1a      Kind = "G1a: read of an aborted write"
	G1b      Kind = "G1b: read between two writes of one transaction"
	Disorder Kind = "reads that disagree on the order of writes"
	Internal Kind = "read that lacks the transaction's own write"
	Changed  Kind = "read that differs from an earlier one of the same transaction" // repeatable read and above
	Stale    Kind = "read that lacks a commit from before the transaction began"
	Lost     Kind = "committed append that is gone"
)

// Cycles of dependencies.
const (
	G0      Kind = "G0: cycle of writes"
	G1c     Kind = "G1c: cycle of writes and reads"
	GSingle Kind = "G-single: cycle with one overlooked write"
	GNonadj Kind = "G-nonadjacent: cycle without two overlooked writes in a row, which snapshots rule out"
	G2      Kind = "G2: cycle with overlooked writes"
)

// Check returns the anomalies of a history whose transactions all ran at the level. last are the lists as a transaction
// finds them that begins when all others have ended; nil: nobody looked.
func Check(txns []*Txn, last map[string][]int, level Level) []Anomaly {
	c := newChecker(txns, level)
	for i, t := range txns {
		if t.Outcome == Committed {
			c.reads(i, t)
		}
	}
	c.orders(last)
	if last != nil {
		c.lasts(last)
	}
	if len(c.found) > 0 {
		return c.found // the order of writes is not to be relied on
	}
	return c.cycles()
}
