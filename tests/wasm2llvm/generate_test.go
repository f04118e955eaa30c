//go:build cgo

package wasm2llvm_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// generator makes a random module that is valid and always ends: functions and loops count down a
// global and are unreachable when it comes to 0. NaNs whose bits WebAssembly leaves open are all
// made alike.
type generator struct {
	r *rand.Rand
	// strict modules access memory out of bounds now and then.
	strict bool

	types     []signature
	funcs     []int // types of functions; the first ones are exported
	exported  int
	globals   []byte // types; the first is the fuel
	tags      []int
	table     []int // the functions in the table at first, from element 2 on
	body      []byte
	locals    []byte
	scratch   []byte   // locals that function declares behind the others
	labels    [][]byte // the types that a branch to each carries, the innermost last
	remaining int      // instructions to write at most
}

type signature struct{ in, out []byte }

const (
	fuel      = 400
	tableSize = 24
	segment   = 300
	// pages of memory at first and at most
	minPages, maxPages = 1, 3
)

func newGenerator(seed uint64, strict bool) *generator {
	return &generator{r: rand.New(rand.NewPCG(seed, 1)), strict: strict}
}

func (g *generator) chance(percent int) bool { return g.r.IntN(100) < percent }

func pick[T any](g *generator, from []T) T { return from[g.r.IntN(len(from))] }

func (g *generator) emit(b ...byte)   { g.body = append(g.body, b...) }
func (g *generator) index(n int)      { g.emit(uleb(uint64(n))...) }
func (g *generator) anyType() byte    { return pick(g, []byte{i32, i32, i64, i64, f32, f64, v128}) }
func (g *generator) scalar() byte     { return pick(g, []byte{i32, i64, f32, f64}) }
func (g *generator) op(b byte, n int) { g.emit(b); g.index(n) }

// module returns the module's bytes.
func (g *generator) module() []byte {
	for range 4 {
		g.types = append(g.types, g.signature(g.scalar))
	}
	for range 4 {
		g.types = append(g.types, g.signature(g.anyType))
	}
	g.types = append(g.types, signature{nil, nil}, signature{[]byte{i32}, nil}, signature{[]byte{pick(g, []byte{i32, i64, f32, f64, v128})}, nil})
	g.tags = []int{8, 9, 10}
	g.exported = 2 + g.r.IntN(3)
	for range g.exported {
		g.funcs = append(g.funcs, g.r.IntN(4))
	}
	for range 1 + g.r.IntN(4) {
		g.funcs = append(g.funcs, g.r.IntN(8))
	}
	for range 8 + g.r.IntN(6) {
		g.table = append(g.table, g.r.IntN(len(g.funcs)))
	}
	g.globals = []byte{i32, i32, i64, f32, f64, v128}
	var code [][]byte
	for i := range g.funcs {
		code = append(code, g.function(i))
	}
	return g.assemble(code)
}

func (g *generator) signature(typ func() byte) signature {
	var s signature
	for range g.r.IntN(5) {
		s.in = append(s.in, typ())
	}
	for range 1 + g.r.IntN(5)/3 {
		s.out = append(s.out, typ())
	}
	return s
}

func (g *generator) function(i int) []byte {
	t := g.types[g.funcs[i]]
	g.body, g.labels = nil, [][]byte{t.out}
	g.scratch = nil
	g.remaining = 150 + g.r.IntN(250)
	g.locals = append([]byte(nil), t.in...)
	var declared []byte
	n := 1 + g.r.IntN(6)
	for range n {
		l := g.anyType()
		g.locals = append(g.locals, l)
		declared = append(append(declared, 1), l)
	}
	g.burn()
	for range 1 + g.r.IntN(5) {
		g.statement(4)
	}
	for _, out := range t.out {
		g.expr(out, 5)
	}
	g.emit(0x0b)
	for _, t := range g.scratch {
		declared = append(append(declared, 1), t)
	}
	b := append(append(uleb(uint64(n+len(g.scratch))), declared...), g.body...)
	return append(uleb(uint64(len(b))), b...)
}

// burn counts the fuel down.
func (g *generator) burn() {
	g.emit(0x23, 0, 0x41, 1, 0x6b, 0x24, 0)                // fuel -= 1
	g.emit(0x23, 0, 0x41, 0, 0x4c, 0x04, 0x40, 0x00, 0x0b) // if fuel <= 0, unreachable
}

func (g *generator) assemble(code [][]byte) []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	section := func(id byte, items ...[]byte) {
		b := uleb(uint64(len(items)))
		for _, x := range items {
			b = append(b, x...)
		}
		out = append(append(append(out, id), uleb(uint64(len(b)))...), b...)
	}
	var types, funcs, tags, globals, exports [][]byte
	for _, t := range g.types {
		b := append([]byte{0x60}, uleb(uint64(len(t.in)))...)
		b = append(append(b, t.in...), uleb(uint64(len(t.out)))...)
		types = append(types, append(b, t.out...))
	}
	for _, f := range g.funcs {
		funcs = append(funcs, uleb(uint64(f)))
	}
	for _, t := range g.tags {
		tags = append(tags, append([]byte{0}, uleb(uint64(t))...))
	}
	for i, t := range g.globals {
		g.body = []byte{t, 1}
		if i == 0 {
			g.emit(append([]byte{0x41}, sleb(fuel)...)...)
		} else {
			g.constant(t)
		}
		g.emit(0x0b)
		globals = append(globals, g.body)
	}
	for i := range g.exported {
		exports = append(exports, append([]byte{2, 'f', '0' + byte(i), 0}, uleb(uint64(i))...))
	}
	for i := range len(g.globals) - 1 { // not the vector
		exports = append(exports, append([]byte{2, 'g', '0' + byte(i), 3}, uleb(uint64(i))...))
	}
	exports = append(exports, []byte{1, 'm', 2, 0})
	section(1, types...)
	section(3, funcs...)
	section(4, []byte{0x70, 1, tableSize, tableSize})
	section(5, []byte{1, minPages, maxPages})
	section(13, tags...)
	section(6, globals...)
	section(7, exports...)
	section(9, g.elements())
	section(12)
	out[len(out)-1] = 2 // of data segments
	section(10, code...)
	section(11, g.data(0x41, byte(g.r.IntN(60)), 0x0b), g.data())
	return out
}

// elements fills part of the table with functions.
func (g *generator) elements() []byte {
	b := append([]byte{0, 0x41, 2, 0x0b}, uleb(uint64(len(g.table)))...)
	for _, f := range g.table {
		b = append(b, uleb(uint64(f))...)
	}
	return b
}

// data makes a data segment: active if an offset is given.
func (g *generator) data(offset ...byte) []byte {
	b := []byte{1}
	if offset != nil {
		b = append([]byte{0}, offset...)
	}
	b = append(b, uleb(segment)...)
	for range segment {
		b = append(b, byte(g.r.Uint32()>>g.r.IntN(24)))
	}
	return b
}

// ---- constants ----

func (g *generator) integer() uint64 {
	switch g.r.IntN(6) {
	case 0:
		return uint64(g.r.IntN(5))
	case 1:
		return -uint64(g.r.IntN(5))
	case 2:
		return 1<<g.r.IntN(64) - uint64(g.r.IntN(2))
	case 3:
		return uint64(g.r.IntN(1 << 17))
	}
	return g.r.Uint64() >> g.r.IntN(64)
}

func (g *generator) float64bits() uint64 {
	switch g.r.IntN(6) {
	case 0:
		return pick(g, []uint64{0, 1 << 63, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0x7ff4000000000000, 1, 0x3ff0000000000000, 0x7fefffffffffffff})
	case 1:
		return math.Float64bits(float64(int64(g.integer())))
	case 2:
		return math.Float64bits(float64(int64(g.integer())) / 4)
	case 3:
		return g.r.Uint64()
	}
	return math.Float64bits((g.r.Float64() - 0.5) * math.Ldexp(1, g.r.IntN(80)-10))
}

func (g *generator) float32bits() uint32 {
	if g.chance(20) {
		return pick(g, []uint32{0, 1 << 31, 0x7f800000, 0xff800000, 0x7fc00000, 0x7fa00000, 1, 0x3f800000, 0x7f7fffff, g.r.Uint32()})
	}
	return math.Float32bits(float32(math.Float64frombits(g.float64bits())))
}

func (g *generator) constant(t byte) {
	switch t {
	case i32:
		g.emit(append([]byte{0x41}, sleb(int64(int32(g.integer())))...)...)
	case i64:
		g.emit(append([]byte{0x42}, sleb(int64(g.integer()))...)...)
	case f32:
		g.emit(binary.LittleEndian.AppendUint32([]byte{0x43}, g.float32bits())...)
	case f64:
		g.emit(binary.LittleEndian.AppendUint64([]byte{0x44}, g.float64bits())...)
	case v128:
		b := []byte{0xfd, 12}
		for range 4 {
			if g.chance(50) {
				b = binary.LittleEndian.AppendUint32(b, uint32(g.integer()))
			} else {
				b = binary.LittleEndian.AppendUint32(b, g.float32bits())
			}
		}
		g.emit(b...)
	}
}

// value returns an argument of a call.
func (g *generator) value(t byte) uint64 {
	switch t {
	case i32:
		return uint64(uint32(g.integer()))
	case f32:
		return uint64(g.float32bits())
	case f64:
		return g.float64bits()
	}
	return g.integer()
}
