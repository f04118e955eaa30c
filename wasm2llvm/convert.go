package wasm2llvm

import (
	"fmt"
	"math"
)

func conversions(numeric map[byte]operation) {
	cast := func(op byte, o string, from, to ValType) {
		numeric[op] = operation{o, []ValType{from}, to, func(f *function, in []string) string {
			v := f.do("%s %s %s to %s", o, f.llvm(from), in[0], f.llvm(to))
			if o == "fpext" {
				v = f.fence(f.llvm(to), v) // or demoting it again would be nothing, a signalling NaN included
			}
			return v
		}}
	}
	cast(0xa7, "trunc", I64, I32)
	cast(0xac, "sext", I32, I64)
	cast(0xad, "zext", I32, I64)
	cast(0xb2, "sitofp", I32, F32)
	cast(0xb3, "uitofp", I32, F32)
	cast(0xb4, "sitofp", I64, F32)
	cast(0xb5, "uitofp", I64, F32)
	cast(0xb6, "fptrunc", F64, F32)
	cast(0xb7, "sitofp", I32, F64)
	cast(0xb8, "uitofp", I32, F64)
	cast(0xb9, "sitofp", I64, F64)
	cast(0xba, "uitofp", I64, F64)
	cast(0xbb, "fpext", F32, F64)
	cast(0xbc, "bitcast", F32, I32)
	cast(0xbd, "bitcast", F64, I64)
	cast(0xbe, "bitcast", I32, F32)
	cast(0xbf, "bitcast", I64, F64)
	// i32.trunc_f32_s, _u, i32.trunc_f64_s, _u, and the same for i64
	for i, op := range []byte{0xa8, 0xa9, 0xaa, 0xab, 0xae, 0xaf, 0xb0, 0xb1} {
		numeric[op] = truncation([]ValType{F32, F64}[i/2%2], []ValType{I32, I64}[i/4], i%2 == 1)
	}
}

// truncation converts a float to an integer and traps where the specification does: at NaNs, and at
// values that do not fit once their fraction is cut off.
func truncation(from, to ValType, unsigned bool) operation {
	above, o := math.Ldexp(1, to.bits()-1), "fptosi" // the first value that is too large
	if unsigned {
		above, o = 2*above, "fptoui"
	}
	below, condition := -1.0, "ogt" // the last value that is too small
	switch {
	case unsigned:
	case from == F64 && to == I32:
		below = -above - 1
	default: // the next float below the least integer is smaller by more than 1
		below, condition = -above, "oge"
	}
	return operation{o, []ValType{from}, to, func(f *function, in []string) string {
		typ, v := f.llvm(from), in[0]
		f.trapIf(f.do("fcmp uno %s %s, %s", typ, v, v), TrapInvalidConversion)
		low := f.do("fcmp %s %s %s, %s", condition, typ, v, hex(below))
		high := f.do("fcmp olt %s %s, %s", typ, v, hex(above))
		fits := f.do("and i1 %s, %s", low, high)
		f.trapIf(f.do("xor i1 %s, true", fits), TrapIntegerOverflow)
		return f.do("%s %s %s to %s", o, typ, v, f.llvm(to))
	}}
}

func hex(v float64) string { return fmt.Sprintf("0x%016X", math.Float64bits(v)) }

// saturating are the conversions i32.trunc_sat_f32_s and so on, in the order of their opcodes.
func saturating(sub uint32) operation {
	from, to := []ValType{F32, F64}[sub/2%2], []ValType{I32, I64}[sub/4]
	o := []string{"fptosi", "fptoui"}[sub%2]
	return operation{"trunc_sat", []ValType{from}, to, func(f *function, in []string) string {
		a, r := f.llvm(from), f.llvm(to)
		callee := f.intrinsic(fmt.Sprintf("llvm.%s.sat.%v.%v", o, to, from), r, a)
		return f.do("call %s %s(%s %s)", r, callee, a, in[0])
	}}
}
