package wasm2llvm

// numeric are the instructions on numbers, by opcode.
var numeric = numericOperations()

func numericOperations() map[byte]operation {
	numeric := map[byte]operation{}
	integerOperations(numeric)
	floatOperations(numeric)
	conversions(numeric)
	return numeric
}

func integerOperations(numeric map[byte]operation) {
	conditions := []string{"eq", "ne", "slt", "ult", "sgt", "ugt", "sle", "ule", "sge", "uge"}
	for _, g := range []struct {
		typ                             ValType
		test, compare, count, add, sext byte
	}{{I32, 0x45, 0x46, 0x67, 0x6a, 0xc0}, {I64, 0x50, 0x51, 0x79, 0x7c, 0xc2}} {
		t := g.typ
		numeric[g.test] = operation{t.String() + ".eqz", []ValType{t}, I32, func(f *function, in []string) string {
			return f.bit("icmp eq %s %s, 0", f.llvm(t), in[0])
		}}
		for i, c := range conditions {
			numeric[g.compare+byte(i)] = compare(t, "icmp", c)
		}
		numeric[g.count] = unary(t, "llvm.ctlz."+t.String(), "i1 false")
		numeric[g.count+1] = unary(t, "llvm.cttz."+t.String(), "i1 false")
		numeric[g.count+2] = unary(t, "llvm.ctpop."+t.String(), "")
		for i, o := range []string{"add", "sub", "mul"} {
			numeric[g.add+byte(i)] = arithmeticOf(t, o)
		}
		for i, o := range []string{"sdiv", "udiv", "srem", "urem"} {
			numeric[g.add+3+byte(i)] = division(t, o)
		}
		for i, o := range []string{"and", "or", "xor"} {
			numeric[g.add+7+byte(i)] = arithmeticOf(t, o)
		}
		for i, o := range []string{"shl", "ashr", "lshr"} {
			numeric[g.add+10+byte(i)] = shift(t, o)
		}
		numeric[g.add+13] = rotate(t, "llvm.fshl.")
		numeric[g.add+14] = rotate(t, "llvm.fshr.")
		numeric[g.sext] = signExtend(t, 8)
		numeric[g.sext+1] = signExtend(t, 16)
	}
	numeric[0xc4] = signExtend(I64, 32)
}

func floatOperations(numeric map[byte]operation) {
	for _, g := range []struct {
		typ            ValType
		compare, unary byte
	}{{F32, 0x5b, 0x8b}, {F64, 0x61, 0x99}} {
		t := g.typ
		for i, c := range []string{"oeq", "une", "olt", "ogt", "ole", "oge"} {
			numeric[g.compare+byte(i)] = compare(t, "fcmp", c)
		}
		for i, o := range []string{"fabs", "", "ceil", "floor", "trunc", "roundeven", "sqrt"} {
			numeric[g.unary+byte(i)] = unary(t, "llvm."+o+"."+t.String(), "")
		}
		numeric[g.unary+1] = operation{"neg", []ValType{t}, t, func(f *function, in []string) string {
			return f.do("fneg %s %s", f.llvm(t), in[0])
		}}
		for i, o := range []string{"fadd", "fsub", "fmul", "fdiv"} {
			numeric[g.unary+7+byte(i)] = arithmeticOf(t, o)
		}
		numeric[g.unary+11] = extreme(t, "llvm.minimum."+t.String())
		numeric[g.unary+12] = extreme(t, "llvm.maximum."+t.String())
		numeric[g.unary+13] = call2(t, "llvm.copysign."+t.String())
	}
}

func arithmeticOf(t ValType, o string) operation {
	return operation{o, []ValType{t, t}, t, func(f *function, in []string) string {
		return f.do("%s %s %s, %s", o, f.llvm(t), in[0], in[1])
	}}
}

func compare(t ValType, o, condition string) operation {
	return operation{o + " " + condition, []ValType{t, t}, I32, func(f *function, in []string) string {
		return f.bit("%s %s %s %s, %s", o, condition, f.llvm(t), in[0], in[1])
	}}
}

// unary calls a function of LLVM; more is what else it takes.
func unary(t ValType, name, more string) operation {
	return operation{name, []ValType{t}, t, func(f *function, in []string) string {
		typ := f.llvm(t)
		if more == "" {
			return f.do("call %s %s(%s %s)", typ, f.intrinsic(name, typ, typ), typ, in[0])
		}
		return f.do("call %s %s(%s %s, %s)", typ, f.intrinsic(name, typ, typ+", i1"), typ, in[0], more)
	}}
}

func call2(t ValType, name string) operation {
	return operation{name, []ValType{t, t}, t, func(f *function, in []string) string {
		typ := f.llvm(t)
		return f.do("call %s %s(%s %s, %s %s)", typ, f.intrinsic(name, typ, typ+", "+typ), typ, in[0], typ, in[1])
	}}
}

// extreme is min or max.
func extreme(t ValType, name string) operation {
	o := call2(t, name)
	result := o.result
	o.result = func(f *function, in []string) string {
		return f.quiet(f.llvm(t), "i1", in[0], in[1], result(f, in))
	}
	return o
}

// quiet makes a NaN among two operands the quiet NaN that arithmetic makes of it, where exactness
// is wanted: LLVM's minimum and maximum return a signalling NaN as it is. bit is the type of a
// comparison's result.
func (f *function) quiet(typ, bit, a, b, result string) string {
	if !f.Exact {
		return result
	}
	sum := f.do("fadd %s %s, %s", typ, a, b)
	return f.do("select %s %s, %s %s, %s %s", bit, f.do("fcmp uno %s %s, %s", typ, a, b), typ, sum, typ, result)
}

// shift takes the amount modulo the width, as WebAssembly does; LLVM's shift by more is undefined.
func shift(t ValType, o string) operation {
	return operation{o, []ValType{t, t}, t, func(f *function, in []string) string {
		amount := f.do("and %s %s, %d", f.llvm(t), in[1], t.bits()-1)
		return f.do("%s %s %s, %s", o, f.llvm(t), in[0], amount)
	}}
}

func rotate(t ValType, name string) operation {
	return operation{name, []ValType{t, t}, t, func(f *function, in []string) string {
		typ := f.llvm(t)
		callee := f.intrinsic(name+typ, typ, typ+", "+typ+", "+typ)
		return f.do("call %s %s(%s %s, %s %s, %s %s)", typ, callee, typ, in[0], typ, in[0], typ, in[1])
	}}
}

func signExtend(t ValType, bits int) operation {
	return operation{"extend", []ValType{t}, t, func(f *function, in []string) string {
		return f.do("sext i%d %s to %s", bits, f.do("trunc %s %s to i%d", f.llvm(t), in[0], bits), f.llvm(t))
	}}
}

// division checks what LLVM leaves undefined: a divisor of 0 traps, and so does the one quotient
// that does not fit; the remainder of that division is 0.
func division(t ValType, o string) operation {
	return operation{o, []ValType{t, t}, t, func(f *function, in []string) string {
		typ, a, b := f.llvm(t), in[0], in[1]
		divisor, known := literal(b)
		if !known || divisor == 0 {
			f.trapIf(f.do("icmp eq %s %s, 0", typ, b), TrapDivideByZero)
		}
		if o[0] == 's' && (!known || divisor == -1) {
			negative := f.do("icmp eq %s %s, -1", typ, b)
			if o == "srem" {
				b = f.do("select i1 %s, %s 1, %s %s", negative, typ, typ, b)
			} else {
				least := itoa(-1 << (t.bits() - 1))
				overflow := f.do("and i1 %s, %s", negative, f.do("icmp eq %s %s, %s", typ, a, least))
				f.trapIf(overflow, TrapIntegerOverflow)
			}
		}
		return f.do("%s %s %s, %s", o, typ, a, b)
	}}
}
