package history

import (
	"fmt"
	"slices"
)

// maxFound is how many anomalies are told.
const maxFound = 20

// A write is one append.
type write struct {
	txn    int
	undone bool
}

type item struct {
	key   string
	value int
}

// checker holds what is known of a history.
type checker struct {
	txns  []*Txn
	level Level
	found []Anomaly

	writes map[item]write
	own    []map[string][]int // by transaction and key: its appends that count, in order
	seen   []bool             // by transaction: a read shows that it was committed
	order  map[string][]int   // by key: all that was ever seen, in order
}

func newChecker(txns []*Txn, level Level) *checker {
	c := &checker{txns: txns, level: level, writes: map[item]write{}, order: map[string][]int{}}
	c.own, c.seen = make([]map[string][]int, len(txns)), make([]bool, len(txns))
	for i, t := range txns {
		c.own[i] = map[string][]int{}
		for _, op := range t.Ops {
			if op.Append == 0 {
				continue
			}
			c.writes[item{op.Key, op.Append}] = write{i, op.Undone}
			if !op.Undone {
				c.own[i][op.Key] = append(c.own[i][op.Key], op.Append)
			}
		}
	}
	return c
}

func (c *checker) report(kind Kind, format string, args ...any) {
	if len(c.found) < maxFound {
		c.found = append(c.found, Anomaly{kind, fmt.Sprintf(format, args...)})
	}
}

// reads checks each read of a committed transaction by itself, and against the transaction's other operations.
func (c *checker) reads(i int, t *Txn) {
	mine := map[string][]int{}   // what it has appended so far
	before := map[string][]int{} // what it last read, and appended since
	for k, op := range t.Ops {
		if op.Append != 0 {
			if op.Undone {
				continue
			}
			mine[op.Key] = append(mine[op.Key], op.Append)
			if l, ok := before[op.Key]; ok {
				before[op.Key] = append(slices.Clone(l), op.Append)
			}
			continue
		}
		where := fmt.Sprintf("transaction %d, operation %d, list %s", i, k, op.Key)
		c.list(i, op.Key, op.Read, where)
		if n := len(mine[op.Key]); len(op.Read) < n || !slices.Equal(op.Read[len(op.Read)-n:], mine[op.Key]) {
			c.report(Internal, "%s: %v was appended, %v read", where, mine[op.Key], op.Read)
		}
		if l, ok := before[op.Key]; ok && c.level >= RepeatableRead && !slices.Equal(l, op.Read) {
			c.report(Changed, "%s: %v after %v", where, op.Read, l)
		}
		before[op.Key] = op.Read
		c.longest(op.Key, op.Read, where)
	}
}

// list checks a list as it was read by transaction i (-1: by nobody's).
func (c *checker) list(i int, key string, list []int, where string) {
	at := map[int]int{}
	for k, v := range list {
		w, ok := c.writes[item{key, v}]
		if !ok {
			c.report(Invented, "%s: %d in %v", where, v, list)
			continue
		}
		if _, twice := at[v]; twice {
			c.report(Twice, "%s: %d in %v", where, v, list)
		}
		at[v] = k
		if w.txn == i && !w.undone {
			continue
		}
		if c.txns[w.txn].Outcome == Aborted || w.undone {
			c.report(G1a, "%s: %d of transaction %d in %v", where, v, w.txn, list)
		}
		c.seen[w.txn] = true
	}
	for k, v := range list {
		w, ok := c.writes[item{key, v}]
		if !ok || w.txn == i || w.undone {
			continue
		}
		all := c.own[w.txn][key]
		if all[0] != v { // once a transaction
			continue
		}
		if len(list) < k+len(all) || !slices.Equal(list[k:k+len(all)], all) {
			c.report(G1b, "%s: %v has a part of what transaction %d appended, %v", where, list, w.txn, all)
		}
	}
}

// longest keeps the longest list of a key, of which all others must be a beginning.
func (c *checker) longest(key string, list []int, where string) {
	longer, shorter := c.order[key], list
	if len(longer) < len(shorter) {
		longer, shorter = shorter, longer
		c.order[key] = list
	}
	if !slices.Equal(longer[:len(shorter)], shorter) {
		c.report(Disorder, "%s: %v and %v", where, shorter, longer)
	}
}

// orders completes the order of writes with what was found in the end, and looks for stale reads.
func (c *checker) orders(last map[string][]int) {
	for key, list := range last {
		c.list(-1, key, list, "in the end, list "+key)
		c.longest(key, list, "in the end, list "+key)
	}
	for i, t := range c.txns {
		if t.Outcome != Committed {
			continue
		}
		for k, op := range t.Ops {
			if op.Append == 0 {
				c.stale(i, k, op)
			}
		}
	}
}

// stale reports writes that were committed before the transaction began and that a read of it lacks.
func (c *checker) stale(i, k int, op Op) {
	order := c.order[op.Key]
	if len(op.Read) >= len(order) {
		return
	}
	for _, v := range order[len(op.Read):] {
		w := c.writes[item{op.Key, v}]
		if writer := c.txns[w.txn]; w.txn != i && writer.Outcome == Committed && writer.End < c.txns[i].Begin {
			c.report(Stale, "transaction %d, operation %d, list %s: %v lacks %d, which transaction %d had committed before", i, k, op.Key, op.Read, v, w.txn)
			return
		}
	}
}

// lasts compares what is there in the end with what the clients were told.
func (c *checker) lasts(last map[string][]int) {
	there := map[item]bool{}
	for key, list := range last {
		for _, v := range list {
			there[item{key, v}] = true
		}
	}
	for key, list := range c.order {
		if len(list) > len(last[key]) {
			c.report(Lost, "list %s: %v was read, %v is there", key, list, last[key])
		}
	}
	for i, t := range c.txns {
		if t.Outcome == Aborted { // what is there of it was read too
			continue
		}
		var in, out []item
		for key, values := range c.own[i] {
			for _, v := range values {
				if there[item{key, v}] {
					in = append(in, item{key, v})
				} else {
					out = append(out, item{key, v})
				}
			}
		}
		switch {
		case len(out) > 0 && t.Outcome == Committed:
			c.report(Lost, "transaction %d: %v", i, out)
		case len(in) > 0 && len(out) > 0:
			c.report(Lost, "transaction %d, whose commit was not answered: %v are there, %v are not", i, in, out)
		}
	}
}
