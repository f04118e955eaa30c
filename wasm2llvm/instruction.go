package wasm2llvm

// instruction reads one instruction and translates it.
func (f *function) instruction() {
	op := f.r.byte()
	if a, ok := loads[op]; ok {
		f.scalarLoad(a)
		return
	}
	if a, ok := stores[op]; ok {
		f.scalarStore(a)
		return
	}
	if o, ok := numeric[op]; ok {
		f.operation(o)
		return
	}
	if do, ok := plain[op]; ok {
		do(f)
		return
	}
	if name, ok := refused[op]; ok {
		unsupported("%s", name)
	}
	invalid("illegal opcode %#x", op)
}

// refused are the instructions that are not translated.
var refused = map[byte]string{
	0x06: "try (of the older exception handling proposal)", 0x07: "catch (of the older exception handling proposal)",
	0x09: "rethrow (of the older exception handling proposal)", 0x18: "delegate", 0x19: "catch_all (of the older exception handling proposal)",
	0x12: "return_call", 0x13: "return_call_indirect", 0x14: "call_ref", 0x15: "return_call_ref",
	0xd3: "ref.eq", 0xd4: "ref.as_non_null", 0xd5: "br_on_null", 0xd6: "br_on_non_null", 0xfb: "an instruction of the garbage collection proposal",
}

// operation is an instruction that takes operands and gives one result.
type operation struct {
	name   string
	in     []ValType
	out    ValType
	result func(f *function, in []string) string
}

func (f *function) operation(o operation) {
	in := make([]string, len(o.in))
	for i := len(in) - 1; i >= 0; i-- {
		in[i] = f.pop(o.in[i])
	}
	f.push(o.result(f, in), o.out)
}

// plain are the instructions of control, variables, references and constants.
var plain = map[byte]func(f *function){
	0x00: func(f *function) { f.trap(TrapUnreachable) },
	0x01: func(*function) {},
	0x02: (*function).beginBlock,
	0x03: (*function).beginLoop,
	0x04: (*function).beginIf,
	0x05: (*function).elseBranch,
	0x08: (*function).throw,
	0x0a: (*function).throwRef,
	0x0b: (*function).end,
	0x0c: func(f *function) { f.branch(f.r.u32()) },
	0x0d: (*function).branchIf,
	0x0e: (*function).branchTable,
	0x0f: func(f *function) { f.branch(uint32(len(f.frames) - 1)) },
	0x10: (*function).callDirect,
	0x11: (*function).callIndirect,
	0x1a: func(f *function) { f.popAny() },
	0x1b: (*function).selectUntyped,
	0x1c: (*function).selectTyped,
	0x1f: (*function).beginTryTable,
	0x20: (*function).localGet,
	0x21: func(f *function) { f.localSet(false) },
	0x22: func(f *function) { f.localSet(true) },
	0x23: (*function).globalGet,
	0x24: (*function).globalSet,
	0x25: (*function).tableGet,
	0x26: (*function).tableSet,
	0x3f: (*function).memorySize,
	0x40: (*function).memoryGrow,
	0x41: func(f *function) { f.push(itoa(f.r.signed(32)), I32) },
	0x42: func(f *function) { f.push(itoa(f.r.signed(64)), I64) },
	0x43: (*function).constF32,
	0x44: (*function).constF64,
	0xd0: (*function).refNull,
	0xd1: (*function).refIsNull,
	0xd2: (*function).refFunc,
	0xfc: (*function).prefixFC,
	0xfd: (*function).prefixFD,
	0xfe: (*function).prefixFE,
}

func (f *function) prefixFC() {
	sub := f.r.u32()
	if sub < 8 {
		f.operation(saturating(sub))
		return
	}
	do := map[uint32]func(*function){
		8: (*function).memoryInit, 9: (*function).dataDrop, 10: (*function).memoryCopy, 11: (*function).memoryFill,
		12: (*function).tableInit, 13: (*function).elemDrop, 14: (*function).tableCopy, 15: (*function).tableGrow,
		16: func(f *function) { i := f.r.u32(); f.table(i); f.push(f.tableSize(i), I32) },
		17: (*function).tableFill,
	}[sub]
	if do == nil {
		if sub >= 19 && sub <= 22 {
			unsupported("an instruction of the wide arithmetic proposal")
		}
		invalid("illegal opcode 0xfc %#x", sub)
	}
	do(f)
}
