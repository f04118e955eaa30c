//go:build cgo

package wasm2llvm_test

import "slices"

// statement writes code that leaves nothing.
func (g *generator) statement(depth int) {
	g.remaining--
	if depth <= 0 || g.remaining <= 0 {
		return
	}
	switch n := g.r.IntN(100); {
	case n < 30:
		i := g.r.IntN(len(g.locals))
		g.expr(g.locals[i], depth-1)
		g.op(0x21, i)
	case n < 40:
		i := 1 + g.r.IntN(len(g.globals)-1)
		g.expr(g.globals[i], depth-1)
		g.op(0x24, i)
	case n < 60:
		g.store(depth)
	case n < 65:
		g.expr(g.anyType(), depth-1)
		g.emit(0x1a)
	case n < 73:
		g.expr(i32, depth-1)
		g.emit(0x04, 0x40)
		g.within(nil, func() {
			g.statement(depth - 1)
			if g.chance(50) {
				g.emit(0x05)
				g.statement(depth - 1)
			}
		})
		g.emit(0x0b)
	case n < 80:
		g.loop(depth)
	case n < 85:
		g.branchTable(depth)
	case n < 90:
		g.bulk(depth)
	case n < 94:
		g.throw(depth)
	case n < 97:
		g.rethrow(depth)
	default:
		g.leave(depth)
	}
}

// loop repeats while a condition holds and there is fuel; one in three carries a value round.
func (g *generator) loop(depth int) {
	if g.chance(33) {
		t := g.anyType()
		g.expr(t, depth-1)
		index := -1
		for i, s := range g.types {
			if len(s.in) == 1 && len(s.out) == 1 && s.in[0] == t && s.out[0] == t {
				index = i
			}
		}
		if index < 0 {
			index = len(g.types)
			g.types = append(g.types, signature{[]byte{t}, []byte{t}})
		}
		g.emit(0x03)
		g.emit(sleb(int64(index))...)
		g.within([]byte{t}, func() {
			g.burn()
			g.statement(depth - 1)
			g.expr(i32, depth-1)
			g.emit(0x0d, 0)
		})
		g.emit(0x0b, 0x1a)
		return
	}
	g.emit(0x03, 0x40)
	g.within(nil, func() {
		g.burn()
		g.statement(depth - 1)
		g.expr(i32, depth-1)
		g.emit(0x0d, 0)
	})
	g.emit(0x0b)
}

// branchTable goes to the end of one of three blocks, the outer ones with a statement more each.
func (g *generator) branchTable(depth int) {
	g.emit(0x02, 0x40, 0x02, 0x40, 0x02, 0x40)
	g.labels = append(g.labels, nil, nil, nil)
	g.expr(i32, depth-1)
	g.emit(0x41, 7, 0x71, 0x0e, 4, 0, 1, 0, 2, byte(g.r.IntN(3)))
	for range 3 {
		g.emit(0x0b)
		g.labels = g.labels[:len(g.labels)-1]
		g.statement(depth - 1)
	}
}

// bulk moves bytes or table entries.
func (g *generator) bulk(depth int) {
	small := func() {
		g.expr(i32, depth-1)
		if !g.strict || g.chance(95) {
			g.emit(append([]byte{0x41}, sleb(0xff)...)...)
			g.emit(0x71)
		}
	}
	switch g.r.IntN(6) {
	case 0:
		g.address(depth)
		g.address(depth)
		small()
		g.emit(0xfc, 10, 0, 0)
	case 1:
		g.address(depth)
		g.expr(i32, depth-1)
		small()
		g.emit(0xfc, 11, 0)
	case 2: // memory.init: at most 300 bytes, unless the segment was dropped
		g.address(depth)
		g.emit(0x41, byte(g.r.IntN(40)))
		small()
		g.emit(0xfc, 8, 1, 0)
	case 3:
		if g.chance(10) {
			g.emit(0xfc, 9, 1)
		}
	case 4:
		g.tableIndex(depth)
		g.op(0xd2, g.r.IntN(g.declared()))
		g.emit(0x26, 0)
	case 5:
		g.tableIndex(depth)
		g.tableIndex(depth)
		g.emit(0x41, byte(g.r.IntN(8)), 0xfc, 14, 0, 0)
	}
}

// rethrow catches an exception as a reference and throws it again, to a handler around it.
func (g *generator) rethrow(depth int) {
	g.emit(0x02, 0x40) // $done
	g.emit(0x1f, 0x40, 1, 0x02, 0)
	g.labels = append(g.labels, nil, nil)
	g.emit(0x02, 0x69)             // $ref, of exnref
	g.emit(0x1f, 0x40, 1, 0x03, 0) // catch_all_ref to $ref
	g.labels = append(g.labels, []byte{exnref}, nil)
	g.throw(depth)
	g.statement(depth - 1)
	g.emit(0x0b, 0x0c, 2) // br $done
	g.emit(0x0b)
	g.labels = g.labels[:len(g.labels)-2]
	g.emit(0x0a) // throw_ref
	g.emit(0x0b, 0x0b)
	g.labels = g.labels[:len(g.labels)-2]
}

// leave branches out of some block, or returns, if a condition holds.
func (g *generator) leave(depth int) {
	g.expr(i32, depth-1)
	g.emit(0x04, 0x40)
	g.within(nil, func() {
		to := g.r.IntN(len(g.labels))
		for slices.Contains(g.labels[len(g.labels)-1-to], exnref) { // no expression has this type
			to = g.r.IntN(len(g.labels))
		}
		for _, t := range g.labels[len(g.labels)-1-to] {
			g.expr(t, depth-1)
		}
		if to == len(g.labels)-1 && g.chance(50) {
			g.emit(0x0f)
		} else {
			g.op(0x0c, to)
		}
	})
	g.emit(0x0b)
}
