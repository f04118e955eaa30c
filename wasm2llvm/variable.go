package wasm2llvm

import (
	"fmt"
	"math"
	"strconv"
)

func itoa(v int64) string { return strconv.FormatInt(v, 10) }

func (f *function) local() (uint32, ValType) {
	i := f.r.u32()
	check(int64(i) < int64(len(f.locals)), "unknown local %d", i)
	return i, f.locals[i]
}

func (f *function) localGet() {
	i, t := f.local()
	f.push(f.do("load %s, ptr %%l%d", f.llvm(t), i), t)
}

func (f *function) localSet(keep bool) {
	i, t := f.local()
	v := f.pop(t)
	f.line("store %s %s, ptr %%l%d", f.llvm(t), v, i)
	if keep {
		f.push(v, t)
	}
}

// globalGet reads a global: one that never changes is a constant in the code.
func (f *function) globalGet() {
	i := f.r.u32()
	g := f.global(i)
	if at := f.layout.globals[i]; at != 0 {
		f.push(f.do("load%s %s, ptr %s%s", f.volatile(), f.llvm(g.typ), f.globalPlace(i, at), inState), g.typ)
		return
	}
	switch v := g.init.value; {
	case g.init.kind == initGlobal:
		f.push(f.do("load %s, ptr %s%s", f.llvm(g.typ), f.state(f.layout.globals[g.init.index]), inState), g.typ)
	case g.init.kind == initFunc:
		f.reference(g.init.index)
	case g.typ == I32:
		f.push(itoa(int64(int32(v[0]))), I32)
	case g.typ == I64:
		f.push(itoa(int64(v[0])), I64)
	case g.typ == F32:
		f.push(f.float32(uint32(v[0])), F32)
	case g.typ == F64:
		f.push(f.float64(v[0]), F64)
	case g.typ == V128:
		f.push(vector(v[0], v[1]), V128)
	default:
		f.push("0", g.typ)
	}
}

func (f *function) globalSet() {
	i := f.r.u32()
	g := f.global(i)
	check(g.mutable, "global is immutable")
	f.line("store%s %s %s, ptr %s%s", f.volatile(), f.llvm(g.typ), f.pop(g.typ), f.globalPlace(i, f.layout.globals[i]), inState)
}

// globalPlace returns the address of a global that has a place in the module's state, or in that of
// its program.
func (f *function) globalPlace(i uint32, at int64) string {
	if f.shared(i) {
		return f.distant(f.sideItem("wasm_side_globals", "i64", 8, i))
	}
	return f.state(at)
}

func (f *function) selectUntyped() {
	condition := f.truth(f.pop(I32))
	b, a := f.popAny(), f.popAny()
	check(!a.typ.reference() && !b.typ.reference(), "type mismatch: a reference in a select without a type")
	if a.typ == unknown {
		a.typ = b.typ
	}
	check(b.typ == unknown || a.typ == b.typ, "type mismatch of select's operands")
	f.push(f.do("select i1 %s, %s %s, %s %s", condition, f.llvm(a.typ), a.s, f.llvm(a.typ), b.s), a.typ)
}

func (f *function) selectTyped() {
	check(f.r.u32() == 1, "invalid result arity")
	t := f.r.valType()
	condition := f.truth(f.pop(I32))
	b := f.pop(t)
	a := f.pop(t)
	f.push(f.do("select i1 %s, %s %s, %s %s", condition, f.llvm(t), a, f.llvm(t), b), t)
}

func (f *function) constF32() { f.push(f.float32(f.r.fixed32()), F32) }
func (f *function) constF64() { f.push(f.float64(f.r.fixed64()), F64) }

// float32 returns a constant. LLVM writes a float as the double of the same value, so NaNs are made
// of their bits.
func (f *function) float32(bits uint32) string {
	v := float64(math.Float32frombits(bits))
	if v != v {
		return f.do("bitcast i32 %d to float", int32(bits))
	}
	return f.fence("float", fmt.Sprintf("0x%016X", math.Float64bits(v)))
}

func (f *function) float64(bits uint64) string {
	return f.fence("double", fmt.Sprintf("0x%016X", bits))
}

// fence hides a value from LLVM's simplifications, where exactness is wanted: x·1 is not x if x is
// a signalling NaN.
func (f *function) fence(typ, v string) string {
	if !f.Exact {
		return v
	}
	suffix := map[string]string{"float": "f32", "double": "f64", "<4 x float>": "v4f32", "<2 x double>": "v2f64"}[typ]
	return f.do("call %s %s(%s %s)", typ, f.intrinsic("llvm.arithmetic.fence."+suffix, typ, typ), typ, v)
}

func vector(low, high uint64) string {
	return fmt.Sprintf("<i64 %d, i64 %d>", int64(low), int64(high))
}
