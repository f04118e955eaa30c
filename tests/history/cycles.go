package history

import (
	"fmt"
	"slices"
	"strings"
)

// dependency is why one transaction comes after another in every serial order.
type dependency byte

const (
	ww dependency = iota // it overwrote the other's write
	wr                   // it read the other's write
	rw                   // it overwrote what the other had read, which overlooked this write
)

func (d dependency) String() string { return [...]string{"ww", "wr", "rw"}[d] }

type edge struct {
	to  int
	by  dependency
	key string
}

// graph has the dependencies between the transactions that are known to be committed.
type graph [][]edge

func (g graph) add(from, to int, by dependency, key string) {
	e := edge{to, by, key}
	if from != to && !slices.Contains(g[from], e) {
		g[from] = append(g[from], e)
	}
}

// graph makes the dependencies of the order of writes, which has been found consistent.
func (c *checker) graph() graph {
	g := make(graph, len(c.txns))
	for key, list := range c.order {
		for k := 1; k < len(list); k++ {
			g.add(c.writer(key, list[k-1]), c.writer(key, list[k]), ww, key)
		}
	}
	for i, t := range c.txns {
		if t.Outcome != Committed {
			continue
		}
		for _, op := range t.Ops {
			if op.Append != 0 {
				continue
			}
			list, n := c.order[op.Key], len(op.Read)
			if n > 0 {
				g.add(c.writer(op.Key, list[n-1]), i, wr, op.Key)
			}
			if n < len(list) {
				g.add(i, c.writer(op.Key, list[n]), rw, op.Key)
			}
		}
	}
	return g
}

func (c *checker) writer(key string, value int) int { return c.writes[item{key, value}].txn }

// search is a kind of cycle: what dependencies it may have, and how many of them in which it was overlooked.
type search struct {
	kind   Kind
	levels Level // the lowest at which it is an anomaly
	by     []dependency
	spaced bool // no two rw in a row
	single bool // one rw
}

// searches go from the worst to the least; the first that finds a cycle names it.
var searches = []search{
	{kind: G0, by: []dependency{ww}},
	{kind: G1c, by: []dependency{ww, wr}},
	{kind: GSingle, by: []dependency{ww, wr, rw}, single: true, levels: RepeatableRead},
	{kind: GNonadj, by: []dependency{ww, wr, rw}, spaced: true, levels: RepeatableRead},
	{kind: G2, by: []dependency{ww, wr, rw}, levels: Serializable},
}

// cycles reports a shortest cycle of the worst kind.
func (c *checker) cycles() []Anomaly {
	g := c.graph()
	for _, s := range searches {
		if s.levels > c.level {
			continue
		}
		if path := g.find(s); path != nil {
			c.report(s.kind, "%s", c.describe(path))
			break
		}
	}
	return c.found
}

// A step is a state of the search: a transaction, and what of the cycle matters for how it may go on.
type step struct {
	txn int
	rws int // of a single: how many; of a spaced one: whether the last was one
}

// next returns the step that an edge leads to.
func (s search) next(at step, e edge) (step, bool) {
	if !slices.Contains(s.by, e.by) {
		return step{}, false
	}
	switch {
	case s.single && e.by == rw:
		return step{e.to, at.rws + 1}, at.rws == 0
	case s.single:
		return step{e.to, at.rws}, true
	case s.spaced && e.by == rw:
		return step{e.to, 1}, at.rws == 0
	}
	return step{e.to, 0}, true
}

// end says whether a walk that is back where it began is a cycle of the kind. One with spaces may begin anywhere but in the midst of two
// rw, so that it is enough to look for those that do not begin with one.
func (s search) end(at step) bool { return !s.single || at.rws == 1 }

type hop struct {
	from step
	edge edge
}

// find returns the edges of a shortest cycle of the kind, beginning with the transaction that the last one leads to; nil:
// there is none.
func (g graph) find(s search) (shortest []edge) {
	component := g.components(s.by)
	for root := range g {
		for _, first := range g[root] {
			if !slices.Contains(s.by, first.by) || component[root] != component[first.to] || s.spaced && first.by == rw {
				continue
			}
			at, _ := s.next(step{txn: root}, first)
			if path := g.back(s, component, root, at, len(shortest)); path != nil {
				shortest = append([]edge{first}, path...)
			}
		}
	}
	return shortest
}

// back returns the shortest way from a step to the root that makes a cycle, if it is shorter than limit (0: none).
func (g graph) back(s search, component []int, root int, begin step, limit int) []edge {
	came := map[step]hop{begin: {}}
	queue := []step{begin}
	for depth := 2; len(queue) > 0 && (limit == 0 || depth < limit); depth++ {
		var deeper []step
		for _, at := range queue {
			for _, e := range g[at.txn] {
				to, ok := s.next(at, e)
				if !ok || component[e.to] != component[root] {
					continue
				}
				if e.to == root && s.end(to) {
					path := []edge{e}
					for at != begin {
						h := came[at]
						path = append([]edge{h.edge}, path...)
						at = h.from
					}
					return path
				}
				if _, known := came[to]; !known {
					came[to] = hop{at, e}
					deeper = append(deeper, to)
				}
			}
		}
		queue = deeper
	}
	return nil
}

// describe writes a cycle down, with what its transactions did.
func (c *checker) describe(path []edge) string {
	var b strings.Builder
	from := path[len(path)-1].to
	for _, e := range path {
		fmt.Fprintf(&b, "transaction %d -%v %s-> ", from, e.by, e.key)
		from = e.to
	}
	fmt.Fprintf(&b, "transaction %d", from)
	for _, e := range path {
		t := c.txns[e.to]
		fmt.Fprintf(&b, "\n  %d (client %d, %d to %d):", e.to, t.Client, t.Begin, t.End)
		for _, op := range t.Ops {
			switch {
			case op.Undone:
				fmt.Fprintf(&b, " [%s += %d]", op.Key, op.Append)
			case op.Append != 0:
				fmt.Fprintf(&b, " %s += %d", op.Key, op.Append)
			default:
				fmt.Fprintf(&b, " %s = %v", op.Key, op.Read)
			}
		}
	}
	return b.String()
}
