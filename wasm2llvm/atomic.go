package wasm2llvm

// atomicAccess are the widths in the order of the opcodes.
var atomicAccess = []access{
	{I32, 32, ""}, {I64, 64, ""}, {I32, 8, ""}, {I32, 16, ""}, {I64, 8, ""}, {I64, 16, ""}, {I64, 32, ""},
}

// prefixFE are the atomic instructions. All are sequentially consistent; an address that is not
// aligned traps.
func (f *function) prefixFE() {
	sub := f.r.u32()
	if sub == 3 {
		check(f.r.byte() == 0, "zero byte expected")
		f.line("fence seq_cst")
		return
	}
	if sub <= 2 {
		unsupported("%s", []string{"memory.atomic.notify", "memory.atomic.wait32", "memory.atomic.wait64"}[sub])
	}
	check(sub >= 0x10 && sub <= 0x4e, "illegal opcode 0xfe %#x", sub)
	a := atomicAccess[(sub-0x10)%7]
	offset := f.memoryArgument(a.bits/8, true)
	switch group := (sub - 0x10) / 7; group {
	case 0:
		at := f.atomicAddress(f.pop(I32), offset, a)
		f.pushAtomic(f.do("load atomic i%d, ptr %s seq_cst, align %d", a.bits, at, a.bits/8), a)
	case 1:
		v := f.atomicOperand(a)
		at := f.atomicAddress(f.pop(I32), offset, a)
		f.line("store atomic i%d %s, ptr %s seq_cst, align %d", a.bits, v, at, a.bits/8)
	case 8:
		replacement := f.atomicOperand(a)
		expected := f.atomicOperand(a)
		at := f.atomicAddress(f.pop(I32), offset, a)
		r := f.do("cmpxchg ptr %s, i%d %s, i%d %s seq_cst seq_cst, align %d", at, a.bits, expected, a.bits, replacement, a.bits/8)
		f.pushAtomic(f.do("extractvalue { i%d, i1 } %s, 0", a.bits, r), a)
	default:
		o := []string{"add", "sub", "and", "or", "xor", "xchg"}[group-2]
		v := f.atomicOperand(a)
		at := f.atomicAddress(f.pop(I32), offset, a)
		f.pushAtomic(f.do("atomicrmw %s ptr %s, i%d %s seq_cst, align %d", o, at, a.bits, v, a.bits/8), a)
	}
}

// atomicAddress traps if the address is not a multiple of the access's size.
func (f *function) atomicAddress(index string, offset uint32, a access) string {
	at := f.address(index, offset)
	if a.bits == 8 {
		return at
	}
	low := f.do("and i32 %s, %d", f.do("add i32 %s, %d", index, int32(offset)), a.bits/8-1)
	f.trapIf(f.do("icmp ne i32 %s, 0", low), TrapUnaligned)
	return at
}

// atomicOperand pops an operand and cuts it to the access's width.
func (f *function) atomicOperand(a access) string {
	v := f.pop(a.typ)
	if a.bits == a.typ.bits() {
		return v
	}
	return f.do("trunc %s %s to i%d", f.llvm(a.typ), v, a.bits)
}

func (f *function) pushAtomic(v string, a access) {
	if a.bits != a.typ.bits() {
		v = f.do("zext i%d %s to %s", a.bits, v, f.llvm(a.typ))
	}
	f.push(v, a.typ)
}
