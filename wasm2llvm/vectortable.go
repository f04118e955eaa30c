package wasm2llvm

import "fmt"

// vectors are the instructions on vectors that have no immediate, by the number behind the prefix
// 0xfd.
var vectors = vectorOperations()

func vectorOperations() map[uint32]operation {
	vectors := map[uint32]operation{}
	vectorCompares(vectors)
	vectorIntegers(vectors)
	vectorFloats(vectors)
	vectorConversions(vectors)
	vectorBits(vectors)
	return vectors
}

func vectorCompares(vectors map[uint32]operation) {
	conditions := []string{"eq", "ne", "slt", "ult", "sgt", "ugt", "sle", "ule", "sge", "uge"}
	for i, s := range []shape{i8x16, i16x8, i32x4} {
		for k, c := range conditions {
			vectors[uint32(35+10*i+k)] = vectorCompare(s, c)
		}
	}
	for i, s := range []shape{f32x4, f64x2} {
		for k, c := range []string{"oeq", "une", "olt", "ogt", "ole", "oge"} {
			vectors[uint32(65+6*i+k)] = vectorCompare(s, c)
		}
	}
	for k, c := range []string{"eq", "ne", "slt", "sgt", "sle", "sge"} {
		vectors[uint32(214+k)] = vectorCompare(i64x2, c)
	}
}

// vectorIntegers fills in the four integer shapes, whose instructions lie 32 apart. Where a shape
// lacks one, its number belongs to another instruction or to none.
func vectorIntegers(vectors map[uint32]operation) {
	all := []shape{i8x16, i16x8, i32x4, i64x2}
	for i, s := range all {
		base := uint32(0x60 + 0x20*i)
		vectors[base] = vectorAbs(s)
		vectors[base+1] = v1(s, s, func(f *function, a string) string { return f.do("sub %s zeroinitializer, %s", s.typ(), a) })
		vectors[base+3] = allTrue(s)
		vectors[base+4] = bitmask(s)
		for k, o := range []string{"shl", "ashr", "lshr"} {
			vectors[base+11+uint32(k)] = vectorShift(s, o)
		}
		vectors[base+14] = vectorBinary(s, "add")
		vectors[base+17] = vectorBinary(s, "sub")
		if s != i8x16 {
			from := all[i-1]
			for k, extend := range []string{"sext", "zext"} {
				vectors[base+7+2*uint32(k)] = vectorExtend(from, s, extend, false)
				vectors[base+8+2*uint32(k)] = vectorExtend(from, s, extend, true)
				vectors[base+28+2*uint32(k)] = vectorExtendMul(from, s, extend, false)
				vectors[base+29+2*uint32(k)] = vectorExtendMul(from, s, extend, true)
			}
			vectors[base+21] = vectorBinary(s, "mul")
		}
		if s != i64x2 {
			for k, o := range []string{"smin", "umin", "smax", "umax"} {
				vectors[base+22+uint32(k)] = vectorCall2(s, o)
			}
		}
		if s.bits < 32 {
			vectors[base+15] = vectorCall2(s, "sadd.sat")
			vectors[base+16] = vectorCall2(s, "uadd.sat")
			vectors[base+18] = vectorCall2(s, "ssub.sat")
			vectors[base+19] = vectorCall2(s, "usub.sat")
			vectors[base+27] = vectorAverage(s)
		}
	}
	vectors[98] = vectorCall1(i8x16, "ctpop")
	vectors[101] = vectorNarrow(i16x8, i8x16, false)
	vectors[102] = vectorNarrow(i16x8, i8x16, true)
	vectors[133] = vectorNarrow(i32x4, i16x8, false)
	vectors[134] = vectorNarrow(i32x4, i16x8, true)
	vectors[124] = vectorPairSum(i8x16, i16x8, "sext")
	vectors[125] = vectorPairSum(i8x16, i16x8, "zext")
	vectors[126] = vectorPairSum(i16x8, i32x4, "sext")
	vectors[127] = vectorPairSum(i16x8, i32x4, "zext")
	vectors[130] = v2(i16x8, i16x8, (*function).multiplyQ15)
	vectors[186] = v2(i16x8, i32x4, (*function).dot)
	vectors[14] = v2(i8x16, i8x16, (*function).swizzle)
}

func vectorFloats(vectors map[uint32]operation) {
	for _, g := range []struct {
		s                         shape
		ceil, floor, trunc, round uint32
		abs                       uint32
	}{{f32x4, 103, 104, 105, 106, 224}, {f64x2, 116, 117, 122, 148, 236}} {
		s := g.s
		vectors[g.ceil] = vectorCall1(s, "ceil")
		vectors[g.floor] = vectorCall1(s, "floor")
		vectors[g.trunc] = vectorCall1(s, "trunc")
		vectors[g.round] = vectorCall1(s, "roundeven")
		vectors[g.abs] = vectorCall1(s, "fabs")
		vectors[g.abs+1] = v1(s, s, func(f *function, a string) string { return f.do("fneg %s %s", s.typ(), a) })
		vectors[g.abs+3] = vectorCall1(s, "sqrt")
		for k, o := range []string{"fadd", "fsub", "fmul", "fdiv"} {
			vectors[g.abs+4+uint32(k)] = vectorBinary(s, o)
		}
		for k, o := range []string{"minimum", "maximum"} {
			vectors[g.abs+8+uint32(k)] = v2(s, s, func(f *function, a, b string) string {
				return f.quiet(s.typ(), fmt.Sprintf("<%d x i1>", s.n), a, b, f.call2(s, o, a, b))
			})
		}
		vectors[g.abs+10] = pseudo(s, false)
		vectors[g.abs+11] = pseudo(s, true)
	}
}

// pseudo is pmin, b < a ? b : a, and pmax, a < b ? b : a.
func pseudo(s shape, most bool) operation {
	return v2(s, s, func(f *function, a, b string) string {
		x, y := b, a
		if most {
			x, y = a, b
		}
		less := f.do("fcmp olt %s %s, %s", s.typ(), x, y)
		return f.do("select <%d x i1> %s, %s %s, %s %s", s.n, less, s.typ(), b, s.typ(), a)
	})
}

func vectorConversions(vectors map[uint32]operation) {
	const pairOfZeros = "zeroinitializer, <4 x i32> <i32 0, i32 1, i32 2, i32 3>"
	vectors[94] = v1(f64x2, f32x4, func(f *function, a string) string {
		return f.do("shufflevector <2 x float> %s, <2 x float> %s", f.do("fptrunc <2 x double> %s to <2 x float>", a), pairOfZeros)
	})
	vectors[95] = v1(f32x4, f64x2, func(f *function, a string) string {
		return f.fence("<2 x double>", f.do("fpext <2 x float> %s to <2 x double>", f.lanes(f32x4, a, 0, 1, 2)))
	})
	for k, o := range []string{"fptosi", "fptoui"} {
		vectors[248+uint32(k)] = v1(f32x4, i32x4, func(f *function, a string) string {
			return f.do("call <4 x i32> %s(<4 x float> %s)", f.intrinsic("llvm."+o+".sat.v4i32.v4f32", "<4 x i32>", "<4 x float>"), a)
		})
		vectors[252+uint32(k)] = v1(f64x2, i32x4, func(f *function, a string) string {
			pair := f.do("call <2 x i32> %s(<2 x double> %s)", f.intrinsic("llvm."+o+".sat.v2i32.v2f64", "<2 x i32>", "<2 x double>"), a)
			return f.do("shufflevector <2 x i32> %s, <2 x i32> %s", pair, pairOfZeros)
		})
	}
	for k, o := range []string{"sitofp", "uitofp"} {
		vectors[250+uint32(k)] = v1(i32x4, f32x4, func(f *function, a string) string {
			return f.do("%s <4 x i32> %s to <4 x float>", o, a)
		})
		vectors[254+uint32(k)] = v1(i32x4, f64x2, func(f *function, a string) string {
			return f.do("%s <2 x i32> %s to <2 x double>", o, f.lanes(i32x4, a, 0, 1, 2))
		})
	}
}

func vectorBits(vectors map[uint32]operation) {
	not := func(f *function, a string) string { return f.do("xor <2 x i64> %s, <i64 -1, i64 -1>", a) }
	vectors[77] = v1(i64x2, i64x2, not)
	vectors[78] = vectorBinary(i64x2, "and")
	vectors[79] = v2(i64x2, i64x2, func(f *function, a, b string) string { return f.do("and <2 x i64> %s, %s", a, not(f, b)) })
	vectors[80] = vectorBinary(i64x2, "or")
	vectors[81] = vectorBinary(i64x2, "xor")
	vectors[82] = operation{"v128.bitselect", []ValType{V128, V128, V128}, V128, func(f *function, in []string) string {
		a := f.do("and <2 x i64> %s, %s", in[0], in[2])
		b := f.do("and <2 x i64> %s, %s", in[1], not(f, in[2]))
		return f.do("or <2 x i64> %s, %s", a, b)
	}}
	vectors[83] = operation{"v128.any_true", []ValType{V128}, I32, func(f *function, in []string) string {
		return f.bit("icmp ne i128 %s, 0", f.do("bitcast <2 x i64> %s to i128", in[0]))
	}}
	for i, s := range []shape{i8x16, i16x8, i32x4, i64x2, f32x4, f64x2} {
		vectors[uint32(15+i)] = operation{"splat", []ValType{s.scalar()}, V128, func(f *function, in []string) string {
			return f.asV128(s, f.splat(s, f.laneValue(s, in[0])))
		}}
	}
}

func allTrue(s shape) operation {
	return operation{"all_true", []ValType{V128}, I32, func(f *function, in []string) string {
		set := f.do("icmp ne %s %s, zeroinitializer", s.typ(), f.as(s, in[0]))
		return f.bit("icmp eq i%d %s, -1", s.n, f.do("bitcast <%d x i1> %s to i%d", s.n, set, s.n))
	}}
}

func bitmask(s shape) operation {
	return operation{"bitmask", []ValType{V128}, I32, func(f *function, in []string) string {
		negative := f.do("icmp slt %s %s, zeroinitializer", s.typ(), f.as(s, in[0]))
		return f.do("zext i%d %s to i32", s.n, f.do("bitcast <%d x i1> %s to i%d", s.n, negative, s.n))
	}}
}
