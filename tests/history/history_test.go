package history_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"nself.org/embeddedpg/tests/history"
)

// parse reads a transaction: "x+1" appends, "x-1" appends and rolls back to a savepoint, "x=1,2" reads; "!" at the end aborts,
// "?" leaves the end unknown. "@3" says that it begins after the third of the history has ended, else all overlap.
func parse(t *testing.T, text string) *history.Txn {
	t.Helper()
	txn := &history.Txn{End: 1000}
	for _, word := range strings.Fields(text) {
		m := regexp.MustCompile(`^([a-z])([-+=])([\d,]*)$`).FindStringSubmatch(word)
		switch {
		case word == "!":
			txn.Outcome = history.Aborted
		case word == "?":
			txn.Outcome = history.Unknown
		case word[0] == '@':
			txn.Begin, _ = strconv.ParseInt(word[1:], 10, 64)
			txn.Begin = 1000 + txn.Begin
			txn.End = 2000
		case m == nil:
			t.Fatalf("what is %q?", word)
		case m[2] == "=":
			op := history.Op{Key: m[1]}
			for _, v := range strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' }) {
				n, _ := strconv.Atoi(v)
				op.Read = append(op.Read, n)
			}
			txn.Ops = append(txn.Ops, op)
		default:
			n, _ := strconv.Atoi(m[3])
			txn.Ops = append(txn.Ops, history.Op{Key: m[1], Append: n, Undone: m[2] == "-"})
		}
	}
	return txn
}

// TestCheck: each anomaly is found at the levels that do not allow it, under its name, and at no other.
func TestCheck(t *testing.T) {
	const rc, rr, ser = history.ReadCommitted, history.RepeatableRead, history.Serializable
	for _, tt := range []struct {
		name, txns, last string
		want             map[history.Level]history.Kind
	}{
		{"serial", "x+1 y+2 | x=1 y=2 x+3 | x=1,3", "x=1,3 y=2", nil},
		{"invented", "x+1 | x=1,7", "", kinds(history.Invented, rc, rr, ser)},
		{"twice", "x+1 | x=1,1", "", kinds(history.Twice, rc, rr, ser)},
		{"aborted", "x+1 ! | x=1", "", kinds(history.G1a, rc, rr, ser)},
		{"rolled back to a savepoint", "x-1 x+2 | x=1,2", "", kinds(history.G1a, rc, rr, ser)},
		{"own savepoint", "x-1 x+2 x=1,2", "", kinds(history.G1a, rc, rr, ser)},
		{"aborted in the end", "x+1 !", "x=1", kinds(history.G1a, rc, rr, ser)},
		{"intermediate", "x+1 x+2 | x=1", "", kinds(history.G1b, rc, rr, ser)},
		{"interleaved", "x+1 x+2 | x+3 | x=1,3,2", "", kinds(history.G1b, rc, rr, ser)},
		{"disorder", "x+1 | x+2 | x=1,2 | x=2,1", "", kinds(history.Disorder, rc, rr, ser)},
		{"own write", "x+1 x=", "", kinds(history.Internal, rc, rr, ser)},
		{"changed", "x+1 | x= x=1", "", kinds(history.Changed, rr, ser)},
		{"own write is no change", "x= x+1 x=1", "", nil},
		{"stale", "x+1 | @1 x=", "x=1", kinds(history.Stale, rc, rr, ser)},
		{"overlapping is not stale", "x+1 | x=", "x=1", nil},
		{"lost", "x+1 | x+2", "x=2", kinds(history.Lost, rc, rr, ser)},
		{"seen and lost", "x+1 ? | x=1", "x=", kinds(history.Lost, rc, rr, ser)},
		{"unknown and there", "x+1 ?", "x=1", nil},
		{"unknown and gone", "x+1 ?", "x=", nil},
		{"unknown and half there", "x+1 y+2 ?", "x=1 y=", kinds(history.Lost, rc, rr, ser)},
		{"G0", "x+1 y+2 | x+3 y+4 | x=1,3 | y=4,2", "", kinds(history.G0, rc, rr, ser)},
		{"G1c", "x+1 y=2 | y+2 x=1", "", kinds(history.G1c, rc, rr, ser)},
		{"read skew", "x+1 y+2 | x= y=2", "x=1 y=2", kinds(history.GSingle, rr, ser)},
		{"lost update", "x= x+1 | x= x+2 | x=1,2", "", kinds(history.GSingle, rr, ser)},
		{"long fork", "x+1 | y+2 | x=1 y= | x= y=2", "x=1 y=2", kinds(history.GNonadj, rr, ser)},
		{"write skew", "x= y= x+1 | x= y= y+2", "x=1 y=2", kinds(history.G2, ser)},
		{"read-only", "x+1 y= | y+2 z+3 | z=3 x=", "x=1 y=2 z=3", kinds(history.G2, ser)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var txns []*history.Txn
			for _, text := range strings.Split(tt.txns, "|") {
				txns = append(txns, parse(t, text))
			}
			var last map[string][]int
			if tt.last != "" {
				last = map[string][]int{}
				for _, op := range parse(t, tt.last).Ops {
					last[op.Key] = op.Read
				}
			}
			for _, level := range []history.Level{rc, rr, ser} {
				var got history.Kind
				found := history.Check(txns, last, level)
				if len(found) > 0 {
					got = found[0].Kind
				}
				if got != tt.want[level] {
					t.Errorf("%v: %q, want %q; %v", level, got, tt.want[level], found)
				}
			}
		})
	}
}

func kinds(kind history.Kind, levels ...history.Level) map[history.Level]history.Kind {
	m := map[history.Level]history.Kind{}
	for _, l := range levels {
		m[l] = kind
	}
	return m
}

// engine is a database in memory that runs transactions step by step in random order, with snapshots and the first writer of a
// list winning.
type engine struct {
	rng     *rand.Rand
	lists   map[string][]int
	txns    []*history.Txn
	clock   int64
	value   int
	holders map[string]*session
}

type session struct {
	txn      *history.Txn
	snapshot map[string][]int
	own      map[string][]int
	left     int
}

func (e *engine) tick() int64 { e.clock++; return e.clock }

func (e *engine) snapshot() map[string][]int {
	s := map[string][]int{}
	for k, v := range e.lists {
		s[k] = slices.Clone(v)
	}
	return s
}

// step makes one step of a session and reports whether its transaction goes on. statements: each has a snapshot of its own.
func (e *engine) step(s *session, statements bool) bool {
	if s.left == 0 {
		for key, values := range s.own {
			e.lists[key] = append(e.lists[key], values...)
		}
		e.end(s, history.Committed)
		return false
	}
	s.left--
	if statements {
		s.snapshot = e.snapshot()
	}
	key := string(rune('a' + e.rng.IntN(5)))
	if e.rng.IntN(2) == 0 {
		s.txn.Ops = append(s.txn.Ops, history.Op{Key: key, Read: slices.Concat(s.snapshot[key], s.own[key])})
		return true
	}
	holder := e.holders[key]
	if holder != nil && holder != s || !statements && len(e.lists[key]) != len(s.snapshot[key]) {
		e.end(s, history.Aborted)
		return false
	}
	e.holders[key] = s
	e.value++
	s.own[key] = append(s.own[key], e.value)
	s.txn.Ops = append(s.txn.Ops, history.Op{Key: key, Append: e.value})
	return true
}

func (e *engine) end(s *session, how history.Outcome) {
	s.txn.Outcome, s.txn.End = how, e.tick()
	for key, holder := range e.holders {
		if holder == s {
			delete(e.holders, key)
		}
	}
	e.txns = append(e.txns, s.txn)
}

// run runs n transactions, so many at once.
func run(seed uint64, n, at int, statements bool) ([]*history.Txn, map[string][]int) {
	e := &engine{rng: rand.New(rand.NewPCG(seed, 1)), lists: map[string][]int{}, holders: map[string]*session{}}
	var live []*session
	for len(e.txns) < n {
		for len(live) < at {
			s := &session{txn: &history.Txn{Begin: e.tick()}, own: map[string][]int{}, left: 1 + e.rng.IntN(5)}
			s.snapshot = e.snapshot()
			live = append(live, s)
		}
		k := e.rng.IntN(len(live))
		if !e.step(live[k], statements) {
			live = slices.Delete(live, k, k+1)
		}
	}
	return e.txns, e.lists
}

// TestEngines: an engine's histories have the anomalies of its level, and no others.
func TestEngines(t *testing.T) {
	for _, tt := range []struct {
		name       string
		at         int
		statements bool
		free, not  history.Level // without anomalies at the one, not at the other
	}{
		{"one at a time", 1, false, history.Serializable, history.Serializable + 1},
		{"snapshots", 8, false, history.RepeatableRead, history.Serializable},
		{"a snapshot each statement", 8, true, history.ReadCommitted, history.RepeatableRead},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(5) {
				txns, last := run(seed, 300, tt.at, tt.statements)
				if found := history.Check(txns, last, tt.free); len(found) > 0 {
					t.Fatalf("seed %d: %v", seed, found)
				}
				if tt.not <= history.Serializable && len(history.Check(txns, last, tt.not)) == 0 {
					t.Errorf("seed %d: nothing found at %v", seed, tt.not)
				}
			}
		})
	}
}

// TestTamper: what is changed in a serial history is found.
func TestTamper(t *testing.T) {
	for seed := range uint64(50) {
		txns, last := run(seed, 200, 1, false)
		rng := rand.New(rand.NewPCG(seed, 2))
		var reads []*history.Op
		for _, txn := range txns {
			for i := range txn.Ops {
				if op := &txn.Ops[i]; op.Append == 0 && len(op.Read) > 1 {
					reads = append(reads, op)
				}
			}
		}
		op := reads[rng.IntN(len(reads))]
		op.Read = slices.Clone(op.Read)
		what := rng.IntN(3)
		switch k := rng.IntN(len(op.Read) - 1); what {
		case 0:
			op.Read = slices.Delete(op.Read, k, k+1)
		case 1:
			op.Read[k], op.Read[k+1] = op.Read[k+1], op.Read[k]
		case 2:
			op.Read = op.Read[:k]
		}
		if len(history.Check(txns, last, history.Serializable)) == 0 {
			t.Errorf("seed %d, change %d of %s: nothing found", seed, what, op.Key)
		}
	}
}
