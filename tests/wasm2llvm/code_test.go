//go:build cgo

package wasm2llvm_test

import "slices"

// expr writes code that leaves a value of a type.
func (g *generator) expr(t byte, depth int) {
	g.remaining--
	if depth <= 0 || g.remaining <= 0 {
		g.leaf(t)
		return
	}
	switch n := g.r.IntN(100); {
	case n < 15:
		g.leaf(t)
	case n < 60:
		g.instruction(t, depth)
	case n < 70:
		g.load(t, depth)
	case n < 75: // select
		g.expr(t, depth-1)
		g.expr(t, depth-1)
		g.expr(i32, depth-1)
		if g.chance(50) {
			g.emit(0x1b)
		} else {
			g.emit(0x1c, 1, t)
		}
	case n < 80:
		g.ifElse(t, depth)
	case n < 85:
		g.blockValue(t, depth)
	case n < 89:
		g.callValue(t, depth)
	case n < 92:
		if locals := g.localsOf(t); len(locals) > 0 {
			g.expr(t, depth-1)
			g.op(0x22, pick(g, locals))
			return
		}
		g.leaf(t)
	case n < 94 && t == i32:
		g.odd(depth)
	case n < 97:
		g.atomic(t, depth)
	default:
		g.tryValue(t, depth)
	}
}

func (g *generator) localsOf(t byte) []int {
	var out []int
	for i, l := range g.locals {
		if l == t {
			out = append(out, i)
		}
	}
	return out
}

func (g *generator) leaf(t byte) {
	locals := g.localsOf(t)
	switch n := g.r.IntN(10); {
	case n < 5 && len(locals) > 0:
		g.op(0x20, pick(g, locals))
	case n < 7:
		for i, global := range g.globals {
			if i > 0 && global == t {
				g.op(0x23, i)
				return
			}
		}
		g.constant(t)
	default:
		g.constant(t)
	}
}

func (g *generator) instruction(t byte, depth int) {
	i := pick(g, instructions[t])
	for i.trap && g.chance(80) {
		i = pick(g, instructions[t])
	}
	for _, in := range i.in {
		g.expr(in, depth-1)
	}
	g.emit(i.code...)
	if i.imm != nil {
		g.emit(i.imm(g)...)
	}
	if i.nan != 0 {
		g.canonical(t, i.nan)
	}
}

// canonical replaces NaNs in the value on the stack by one.
func (g *generator) canonical(t, lane byte) {
	local := len(g.locals) // a local that the function declares for it
	g.locals = append(g.locals, t)
	g.scratch = append(g.scratch, t)
	nan32, nan64 := []byte{0, 0, 0xc0, 0x7f}, []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x7f}
	g.op(0x21, local)
	get := func() { g.op(0x20, local) }
	get()
	switch {
	case t == f32:
		g.emit(append([]byte{0x43}, nan32...)...)
	case t == f64:
		g.emit(append([]byte{0x44}, nan64...)...)
	case lane == f32:
		g.emit(0xfd, 12)
		for range 4 {
			g.emit(nan32...)
		}
	default:
		g.emit(0xfd, 12)
		g.emit(append(append([]byte(nil), nan64...), nan64...)...)
	}
	get()
	get()
	switch {
	case t == f32:
		g.emit(0x5b, 0x1b) // f32.eq, select
	case t == f64:
		g.emit(0x61, 0x1b)
	case lane == f32:
		g.emit(0xfd, 65, 0xfd, 82) // f32x4.eq, bitselect
	default:
		g.emit(0xfd, 71, 0xfd, 82)
	}
	g.op(0x22, local) // others may read it
}

// address writes an address within the first page, or in strict modules sometimes any.
func (g *generator) address(depth int) {
	g.expr(i32, depth-1)
	if !g.strict || g.chance(95) {
		g.emit(append([]byte{0x41}, sleb(0x7fff)...)...)
		g.emit(0x71)
	}
}

func (g *generator) memoryArgument(a access) {
	align := 0
	for 1<<(align+1) <= a.bytes && g.chance(50) {
		align++
	}
	g.index(align)
	switch {
	case g.strict && g.chance(3):
		g.emit(uleb(uint64(g.r.Uint32()))...)
	case g.chance(50):
		g.index(g.r.IntN(0x4000))
	default:
		g.index(0)
	}
}

func (g *generator) load(t byte, depth int) {
	var fit []access
	for _, a := range loadInstructions {
		if a.typ == t {
			fit = append(fit, a)
		}
	}
	a := pick(g, fit)
	g.address(depth)
	if a.lanes > 0 {
		g.expr(v128, depth-1)
	}
	g.emit(a.code...)
	g.memoryArgument(a)
	if a.lanes > 0 {
		g.emit(byte(g.r.IntN(a.lanes)))
	}
}

func (g *generator) store(depth int) {
	a := pick(g, storeInstructions)
	g.address(depth)
	g.expr(a.typ, depth-1)
	g.emit(a.code...)
	g.memoryArgument(a)
	if a.lanes > 0 {
		g.emit(byte(g.r.IntN(a.lanes)))
	}
}

// atomic writes an atomic instruction, aligned but for one in ten of strict modules.
func (g *generator) atomic(t byte, depth int) {
	if t != i32 && t != i64 {
		g.leaf(t)
		return
	}
	k := g.r.IntN(len(atomicAccesses))
	for atomicAccesses[k].typ != t {
		k = g.r.IntN(len(atomicAccesses))
	}
	a := atomicAccesses[k]
	g.expr(i32, depth-1)
	mask := 0x7fff
	if !g.strict || g.chance(90) {
		mask &^= a.bytes - 1
	}
	g.emit(append([]byte{0x41}, sleb(int64(mask))...)...)
	g.emit(0x71)
	group := pick(g, []int{0, 2, 3, 4, 5, 6, 7, 8})
	if group > 0 {
		g.expr(t, depth-1)
	}
	if group == 8 {
		g.expr(t, depth-1)
	}
	align := map[int]byte{1: 0, 2: 1, 4: 2, 8: 3}[a.bytes]
	g.emit(0xfe, byte(0x10+7*group+k), align)
	g.index(g.r.IntN(64) * 8)
}

func (g *generator) ifElse(t byte, depth int) {
	g.expr(i32, depth-1)
	g.emit(0x04, t)
	g.within([]byte{t}, func() {
		g.maybeStatement(depth)
		g.expr(t, depth-1)
		g.emit(0x05)
		g.maybeStatement(depth)
		g.expr(t, depth-1)
	})
	g.emit(0x0b)
}

func (g *generator) within(label []byte, f func()) {
	g.labels = append(g.labels, label)
	f()
	g.labels = g.labels[:len(g.labels)-1]
}

func (g *generator) maybeStatement(depth int) {
	if g.chance(30) {
		g.statement(depth - 1)
	}
}

// blockValue is a block with branches that carry a value out of it.
func (g *generator) blockValue(t byte, depth int) {
	g.emit(0x02, t)
	g.within([]byte{t}, func() {
		g.maybeStatement(depth)
		g.expr(t, depth-1)
		g.expr(i32, depth-1)
		g.emit(0x0d, 0)
		if g.chance(30) {
			g.emit(0x1a)
			g.expr(t, depth-1)
			if g.chance(50) {
				g.emit(0x0c, 0)
				return // what follows is never reached
			}
		}
	})
	g.emit(0x0b)
}

// callValue calls a function whose first result is of the type, directly or through the table.
func (g *generator) callValue(t byte, depth int) {
	var fit []int
	for i, f := range g.funcs {
		if out := g.types[f].out; len(out) > 0 && out[0] == t {
			fit = append(fit, i)
		}
	}
	if len(fit) == 0 {
		g.leaf(t)
		return
	}
	i := pick(g, fit)
	s := g.types[g.funcs[i]]
	for _, in := range s.in {
		g.expr(in, depth-1)
	}
	if at := slices.Index(g.table, i); at >= 0 && g.chance(50) {
		if g.chance(80) {
			g.op(0x41, at+2)
		} else {
			g.tableIndex(depth)
		}
		g.op(0x11, g.funcs[i])
		g.emit(0)
	} else {
		g.op(0x10, i)
	}
	for range len(s.out) - 1 {
		g.emit(0x1a)
	}
}

// odd are instructions of type i32 that occur once each.
func (g *generator) odd(depth int) {
	switch g.r.IntN(5) {
	case 0:
		g.emit(0x3f, 0)
	case 1:
		g.expr(i32, depth-1)
		g.emit(0x41, 1, 0x71, 0x40, 0) // memory.grow by 0 or 1
	case 2:
		g.op(0xd2, g.r.IntN(g.declared()))
		g.emit(0xd1)
	case 3:
		g.tableIndex(depth)
		g.emit(0x25, 0, 0xd1) // table.get, ref.is_null
	case 4:
		g.emit(0xfc, 16, 0) // table.size
	}
}

// declared is how many functions may be named by ref.func: the exported ones.
func (g *generator) declared() int { return g.exported }

func (g *generator) tableIndex(depth int) {
	g.expr(i32, depth-1)
	if !g.strict || g.chance(90) {
		g.emit(0x41, 15, 0x71)
	}
}

// tryValue catches what may be thrown within, and gives the value thrown or one of its own.
func (g *generator) tryValue(t byte, depth int) {
	carried := g.types[g.tags[2]].in[0]
	g.emit(0x02, t) // $out
	g.within([]byte{t}, func() {
		g.emit(0x02, carried) // $caught
		g.within([]byte{carried}, func() {
			g.emit(0x02, 0x40) // $all
			g.within(nil, func() {
				g.emit(0x1f, t, 2, 0x00, 2, 1, 0x02, 0) // try_table: catch tag 2 to $caught, catch_all to $all
				g.within([]byte{t}, func() {
					g.maybeStatement(depth)
					if g.chance(60) {
						g.throw(depth)
					}
					g.expr(t, depth-1)
				})
				g.emit(0x0b, 0x0c, 2) // br $out
			})
			g.emit(0x0b)
			g.expr(carried, depth-1)
		})
		g.emit(0x0b, 0x1a)
		g.expr(t, depth-1)
	})
	g.emit(0x0b)
}

// throw throws one of the tags if a condition holds.
func (g *generator) throw(depth int) {
	g.expr(i32, depth-1)
	g.emit(0x04, 0x40)
	tag := g.r.IntN(len(g.tags))
	g.within(nil, func() {
		for _, in := range g.types[g.tags[tag]].in {
			g.expr(in, depth-1)
		}
		g.op(0x08, tag)
	})
	g.emit(0x0b)
}
