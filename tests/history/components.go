package history

import "slices"

// components returns for each transaction the number of its strongly connected component by edges of these kinds: Tarjan's
// algorithm, with a stack of its own.
func (g graph) components(by []dependency) []int {
	t := tarjan{graph: g, by: by, component: make([]int, len(g)), index: make([]int, len(g)), low: make([]int, len(g)), on: make([]bool, len(g))}
	for v := range g {
		if t.index[v] == 0 {
			t.visit(v)
		}
	}
	return t.component
}

type tarjan struct {
	graph
	by             []dependency
	component      []int
	index, low     []int // index: 0 is not visited
	on             []bool
	stack          []int
	visited, found int
}

// frame is a visit that is under way.
type frame struct{ txn, edge int }

func (t *tarjan) visit(root int) {
	frames := []frame{{root, 0}}
	t.enter(root)
	for len(frames) > 0 {
		f := &frames[len(frames)-1]
		if f.edge < len(t.graph[f.txn]) {
			e := t.graph[f.txn][f.edge]
			f.edge++
			switch {
			case !slices.Contains(t.by, e.by):
			case t.index[e.to] == 0:
				t.enter(e.to)
				frames = append(frames, frame{e.to, 0})
			case t.on[e.to]:
				t.low[f.txn] = min(t.low[f.txn], t.index[e.to])
			}
			continue
		}
		v := f.txn
		frames = frames[:len(frames)-1]
		if len(frames) > 0 {
			up := frames[len(frames)-1].txn
			t.low[up] = min(t.low[up], t.low[v])
		}
		if t.low[v] == t.index[v] {
			t.leave(v)
		}
	}
}

func (t *tarjan) enter(v int) {
	t.visited++
	t.index[v], t.low[v], t.on[v] = t.visited, t.visited, true
	t.stack = append(t.stack, v)
}

// leave takes the component of v, which is its root, off the stack.
func (t *tarjan) leave(v int) {
	t.found++
	for {
		w := t.stack[len(t.stack)-1]
		t.stack = t.stack[:len(t.stack)-1]
		t.on[w], t.component[w] = false, t.found
		if w == v {
			return
		}
	}
}
