package wasm2llvm

import (
	"fmt"
	"strings"
)

// shape is a vector's division into lanes.
type shape struct {
	n    int
	elem string // LLVM's type of a lane
	bits int
}

var (
	i8x16 = shape{16, "i8", 8}
	i16x8 = shape{8, "i16", 16}
	i32x4 = shape{4, "i32", 32}
	i64x2 = shape{2, "i64", 64}
	f32x4 = shape{4, "float", 32}
	f64x2 = shape{2, "double", 64}
)

func (s shape) float() bool { return s.elem == "float" || s.elem == "double" }

func (s shape) typ() string { return fmt.Sprintf("<%d x %s>", s.n, s.elem) }

// suffix is the shape's in the names of LLVM's functions.
func (s shape) suffix() string {
	return fmt.Sprintf("v%d%s", s.n, strings.NewReplacer("float", "f32", "double", "f64").Replace(s.elem))
}

// scalar is the type of a lane on the stack of operands.
func (s shape) scalar() ValType {
	switch s.elem {
	case "float":
		return F32
	case "double":
		return F64
	case "i64":
		return I64
	}
	return I32
}

// as returns a v128 as a vector of the shape; asV128 is its inverse.
func (f *function) as(s shape, v string) string {
	if s == i64x2 {
		return v
	}
	return f.do("bitcast <2 x i64> %s to %s", v, s.typ())
}

func (f *function) asV128(s shape, v string) string {
	if s == i64x2 {
		return v
	}
	return f.do("bitcast %s %s to <2 x i64>", s.typ(), v)
}

// laneValue cuts an operand to the width of a lane.
func (f *function) laneValue(s shape, v string) string {
	if s.bits < 32 {
		return f.do("trunc i32 %s to %s", v, s.elem)
	}
	return v
}

func (f *function) splat(s shape, v string) string {
	one := f.do("insertelement %s poison, %s %s, i32 0", s.typ(), s.elem, v)
	return f.do("shufflevector %s %s, %s poison, <%d x i32> zeroinitializer", s.typ(), one, s.typ(), s.n)
}

// lanes picks lanes from, from+step, ... of a vector: n of them.
func (f *function) lanes(s shape, v string, from, step, n int) string {
	var index []string
	for i := range n {
		index = append(index, fmt.Sprintf("i32 %d", from+i*step))
	}
	return f.do("shufflevector %s %s, %s poison, <%d x i32> <%s>", s.typ(), v, s.typ(), n, strings.Join(index, ", "))
}

// v1 and v2 make operations on one and two vectors of a shape, with a result of another.
func v1(from, to shape, result func(f *function, a string) string) operation {
	return operation{"", []ValType{V128}, V128, func(f *function, in []string) string {
		return f.asV128(to, result(f, f.as(from, in[0])))
	}}
}

func v2(from, to shape, result func(f *function, a, b string) string) operation {
	return operation{"", []ValType{V128, V128}, V128, func(f *function, in []string) string {
		return f.asV128(to, result(f, f.as(from, in[0]), f.as(from, in[1])))
	}}
}

func vectorBinary(s shape, o string) operation {
	return v2(s, s, func(f *function, a, b string) string { return f.do("%s %s %s, %s", o, s.typ(), a, b) })
}

func (f *function) call1(s shape, o, a string) string {
	name := "llvm." + o + "." + s.suffix()
	return f.do("call %s %s(%s %s)", s.typ(), f.intrinsic(name, s.typ(), s.typ()), s.typ(), a)
}

func (f *function) call2(s shape, o, a, b string) string {
	name := "llvm." + o + "." + s.suffix()
	return f.do("call %s %s(%s %s, %s %s)", s.typ(), f.intrinsic(name, s.typ(), s.typ()+", "+s.typ()), s.typ(), a, s.typ(), b)
}

func vectorCall1(s shape, o string) operation {
	return v1(s, s, func(f *function, a string) string { return f.call1(s, o, a) })
}

func vectorCall2(s shape, o string) operation {
	return v2(s, s, func(f *function, a, b string) string { return f.call2(s, o, a, b) })
}

// vectorCompare gives lanes of ones where the condition holds.
func vectorCompare(s shape, condition string) operation {
	o := "icmp"
	if s.float() {
		o = "fcmp"
	}
	r := shape{s.n, fmt.Sprintf("i%d", s.bits), s.bits}
	return v2(s, r, func(f *function, a, b string) string {
		return f.do("sext <%d x i1> %s to %s", s.n, f.do("%s %s %s %s, %s", o, condition, s.typ(), a, b), r.typ())
	})
}

func vectorAbs(s shape) operation {
	return v1(s, s, func(f *function, a string) string {
		return f.do("call %s %s(%s %s, i1 false)", s.typ(), f.intrinsic("llvm.abs."+s.suffix(), s.typ(), s.typ()+", i1"), s.typ(), a)
	})
}

func vectorShift(s shape, o string) operation {
	return operation{"", []ValType{V128, I32}, V128, func(f *function, in []string) string {
		amount := f.laneValue(s, f.do("and i32 %s, %d", in[1], s.bits-1))
		if s.bits == 64 {
			amount = f.do("zext i32 %s to i64", amount)
		}
		return f.asV128(s, f.do("%s %s %s, %s", o, s.typ(), f.as(s, in[0]), f.splat(s, amount)))
	}}
}

// halfOf widens the low or high half of a vector's lanes to the lanes of another shape.
func (f *function) halfOf(from, to shape, v, extend string, high bool) string {
	first := 0
	if high {
		first = to.n
	}
	return f.do("%s <%d x %s> %s to %s", extend, to.n, from.elem, f.lanes(from, v, first, 1, to.n), to.typ())
}

func vectorExtend(from, to shape, extend string, high bool) operation {
	return v1(from, to, func(f *function, a string) string { return f.halfOf(from, to, a, extend, high) })
}

func vectorExtendMul(from, to shape, extend string, high bool) operation {
	return v2(from, to, func(f *function, a, b string) string {
		return f.do("mul %s %s, %s", to.typ(), f.halfOf(from, to, a, extend, high), f.halfOf(from, to, b, extend, high))
	})
}

// pairSum adds each lane of even number, widened, to the one behind it.
func (f *function) pairSum(from, to shape, v, extend string) string {
	pick := func(first int) string {
		return f.do("%s <%d x %s> %s to %s", extend, to.n, from.elem, f.lanes(from, v, first, 2, to.n), to.typ())
	}
	return f.do("add %s %s, %s", to.typ(), pick(0), pick(1))
}

func vectorPairSum(from, to shape, extend string) operation {
	return v1(from, to, func(f *function, a string) string { return f.pairSum(from, to, a, extend) })
}

// vectorNarrow saturates the lanes of two vectors to half their width. LLVM knows the pattern as an
// instruction.
func vectorNarrow(from, to shape, unsigned bool) operation {
	low, high := -(1 << (to.bits - 1)), 1<<(to.bits-1)-1
	if unsigned {
		low, high = 0, 1<<to.bits-1
	}
	return v2(from, to, func(f *function, a, b string) string {
		both := shape{2 * from.n, from.elem, from.bits}
		var index []string
		for i := range both.n {
			index = append(index, fmt.Sprintf("i32 %d", i))
		}
		v := f.do("shufflevector %s %s, %s %s, <%d x i32> <%s>", from.typ(), a, from.typ(), b, both.n, strings.Join(index, ", "))
		v = f.call2(both, "smax", v, f.splat(both, itoa(int64(low))))
		v = f.call2(both, "smin", v, f.splat(both, itoa(int64(high))))
		return f.do("trunc %s %s to %s", both.typ(), v, to.typ())
	})
}

func vectorAverage(s shape) operation {
	wide := shape{s.n, fmt.Sprintf("i%d", 2*s.bits), 2 * s.bits}
	return v2(s, s, func(f *function, a, b string) string {
		x := f.do("zext %s %s to %s", s.typ(), a, wide.typ())
		y := f.do("zext %s %s to %s", s.typ(), b, wide.typ())
		sum := f.do("add %s %s, %s", wide.typ(), f.do("add %s %s, %s", wide.typ(), x, y), f.splat(wide, "1"))
		return f.do("trunc %s %s to %s", wide.typ(), f.do("lshr %s %s, %s", wide.typ(), sum, f.splat(wide, "1")), s.typ())
	})
}

// swizzle picks bytes by their numbers; a number out of range picks 0.
func (f *function) swizzle(a, b string) string {
	t := i8x16.typ()
	if f.unit.target == ARM64 {
		return f.do("call %s %s(%s %s, %s %s)", t, f.intrinsic("llvm.aarch64.neon.tbl1.v16i8", t, t+", "+t), t, a, t, b)
	}
	// pshufb takes the low four bits, and gives 0 if the highest is set: adding 112 sets it for 16
	// and more.
	index := f.call2(i8x16, "uadd.sat", b, f.splat(i8x16, "112"))
	return f.do("call %s %s(%s %s, %s %s)", t, f.intrinsic("llvm.x86.ssse3.pshuf.b.128", t, t+", "+t), t, a, t, index)
}

// multiplyQ15 is the rounded, saturated product of two fixed-point numbers.
func (f *function) multiplyQ15(a, b string) string {
	wide := shape{8, "i32", 32}
	x := f.do("sext %s %s to %s", i16x8.typ(), a, wide.typ())
	y := f.do("sext %s %s to %s", i16x8.typ(), b, wide.typ())
	p := f.do("add %s %s, %s", wide.typ(), f.do("mul %s %s, %s", wide.typ(), x, y), f.splat(wide, "16384"))
	p = f.do("ashr %s %s, %s", wide.typ(), p, f.splat(wide, "15"))
	return f.do("trunc %s %s to %s", wide.typ(), f.call2(wide, "smin", p, f.splat(wide, "32767")), i16x8.typ())
}

// dot multiplies lanes and adds the products of neighbours.
func (f *function) dot(a, b string) string {
	wide := shape{8, "i32", 32}
	x := f.do("sext %s %s to %s", i16x8.typ(), a, wide.typ())
	y := f.do("sext %s %s to %s", i16x8.typ(), b, wide.typ())
	p := f.do("mul %s %s, %s", wide.typ(), x, y)
	return f.do("add %s %s, %s", i32x4.typ(), f.lanes(wide, p, 0, 2, 4), f.lanes(wide, p, 1, 2, 4))
}
