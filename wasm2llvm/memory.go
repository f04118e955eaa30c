package wasm2llvm

import "fmt"

// state returns the address of something in the module's state, and fixed of something that every
// instance has below its memory.
func (f *function) state(offset int64) string {
	if f.side {
		return f.do("getelementptr i8, ptr %s, i64 %d", f.distant(f.sideField("i64", sideState)), offset)
	}
	return f.fixed(offset)
}

func (f *function) fixed(offset int64) string {
	return f.do("getelementptr i8, ptr %%base, i64 %d", offset)
}

// memoryArgument reads an instruction's alignment and offset; size is the access's in bytes.
func (f *function) memoryArgument(size int, atomic bool) uint32 {
	check(f.memory != nil, "unknown memory 0")
	align := f.r.u32()
	if align&0x40 != 0 {
		unsupported("a module with multiple memories")
	}
	check(align < 32, "malformed memop flags")
	if atomic {
		check(1<<align == size, "atomic alignment must be natural")
	}
	check(1<<align <= size, "alignment must not be larger than natural")
	return f.r.u32()
}

// address returns that of a byte of the guest's memory. The sum of index and offset has 33 bits: it
// is within what the host reserves, and faults if it is not within the memory.
func (f *function) address(index string, offset uint32) string {
	if n, ok := literal(index); ok {
		return f.do("getelementptr i8, ptr %%base, i64 %d", int64(uint32(n))+int64(offset))
	}
	wide := f.do("zext i32 %s to i64", index)
	p := f.do("getelementptr i8, ptr %%base, i64 %s", wide)
	if offset == 0 {
		return p
	}
	return f.do("getelementptr i8, ptr %s, i64 %d", p, offset)
}

func (f *function) volatile() string {
	if f.Exact {
		return " volatile"
	}
	return ""
}

// load and store access the guest's memory; typ is LLVM's.
func (f *function) load(typ, index string, offset uint32) string {
	return f.do("load%s %s, ptr %s, align 1%s", f.volatile(), typ, f.address(index, offset), inMemory)
}

func (f *function) store(typ, value, index string, offset uint32) {
	f.line("store%s %s %s, ptr %s, align 1%s", f.volatile(), typ, value, f.address(index, offset), inMemory)
}

// access describes the loads and stores of scalars: the bits in memory, and how a load extends
// them.
type access struct {
	typ    ValType
	bits   int
	extend string
}

var loads = map[byte]access{
	0x28: {I32, 32, ""}, 0x29: {I64, 64, ""}, 0x2a: {F32, 32, ""}, 0x2b: {F64, 64, ""},
	0x2c: {I32, 8, "sext"}, 0x2d: {I32, 8, "zext"}, 0x2e: {I32, 16, "sext"}, 0x2f: {I32, 16, "zext"},
	0x30: {I64, 8, "sext"}, 0x31: {I64, 8, "zext"}, 0x32: {I64, 16, "sext"}, 0x33: {I64, 16, "zext"},
	0x34: {I64, 32, "sext"}, 0x35: {I64, 32, "zext"},
}

var stores = map[byte]access{
	0x36: {I32, 32, ""}, 0x37: {I64, 64, ""}, 0x38: {F32, 32, ""}, 0x39: {F64, 64, ""},
	0x3a: {I32, 8, ""}, 0x3b: {I32, 16, ""}, 0x3c: {I64, 8, ""}, 0x3d: {I64, 16, ""}, 0x3e: {I64, 32, ""},
}

func (f *function) scalarLoad(a access) {
	offset := f.memoryArgument(a.bits/8, false)
	index := f.pop(I32)
	if a.bits == a.typ.bits() {
		f.push(f.load(f.llvm(a.typ), index, offset), a.typ)
		return
	}
	v := f.load(fmt.Sprintf("i%d", a.bits), index, offset)
	f.push(f.do("%s i%d %s to %s", a.extend, a.bits, v, f.llvm(a.typ)), a.typ)
}

func (f *function) scalarStore(a access) {
	offset := f.memoryArgument(a.bits/8, false)
	v := f.pop(a.typ)
	index := f.pop(I32)
	if a.bits == a.typ.bits() {
		f.store(f.llvm(a.typ), v, index, offset)
		return
	}
	f.store(fmt.Sprintf("i%d", a.bits), f.do("trunc %s %s to i%d", f.llvm(a.typ), v, a.bits), index, offset)
}

func (f *function) memoryIndex() {
	check(f.r.byte() == 0, "zero byte expected")
	check(f.memory != nil, "unknown memory 0")
}

func (f *function) memorySize() {
	f.memoryIndex()
	size := f.do("load i64, ptr %s%s", f.fixed(offsetSize), inState)
	f.push(f.do("trunc i64 %s to i32", f.do("lshr i64 %s, 16", size)), I32)
}

func (f *function) memoryGrow() {
	f.memoryIndex()
	pages := f.pop(I32)
	limit := itoa(int64(int32(f.memory.max)))
	if f.side {
		limit = f.sideField("i32", sideMemoryMax)
	}
	f.push(f.do("call i32 %s(ptr %%base, i32 %s, i32 %s)", f.runtime("wasm_memory_grow", "i32", "ptr, i32, i32"), pages, limit), I32)
}

func (f *function) memoryCopy() {
	f.memoryIndex()
	f.memoryIndex()
	v := f.popAll([]ValType{I32, I32, I32})
	f.line("call void %s(ptr %%base, i32 %s, i32 %s, i32 %s)", f.runtime("wasm_memory_copy", "void", "ptr, i32, i32, i32"), v[0].s, v[1].s, v[2].s)
}

func (f *function) memoryFill() {
	f.memoryIndex()
	v := f.popAll([]ValType{I32, I32, I32})
	f.line("call void %s(ptr %%base, i32 %s, i32 %s, i32 %s)", f.runtime("wasm_memory_fill", "void", "ptr, i32, i32, i32"), v[0].s, v[1].s, v[2].s)
}

// memoryInit copies from a data segment, whose bytes Describe defines. A dropped segment is empty.
func (f *function) memoryInit() {
	i := f.dataIndex()
	f.memoryIndex()
	v := f.popAll([]ValType{I32, I32, I32})
	f.line("call void %s(ptr %%base, ptr %s, i64 %s, i32 %s, i32 %s, i32 %s)",
		f.runtime("wasm_memory_init", "void", "ptr, ptr, i64, i32, i32, i32"), f.data(i),
		f.segmentLength(len(f.datas[i].bytes), f.layout.datas[i]), v[0].s, v[1].s, v[2].s)
}

func (f *function) dataDrop() {
	i := f.dataIndex()
	f.line("store i64 1, ptr %s%s", f.state(f.layout.datas[i]), inState)
}

func (f *function) dataIndex() uint32 {
	i := f.r.u32()
	check(f.hasCount, "data count section required")
	check(int(i) < len(f.datas), "unknown data segment %d", i)
	return i
}

// data returns the symbol of a data segment's bytes.
func (t *translation) data(i uint32) string {
	name := t.name("data%d", i)
	return t.unit.declare(name, "%s = external hidden constant i8", name)
}

// segmentLength returns the number of a segment's bytes or elements, unless it was dropped.
func (f *function) segmentLength(n int, slot int64) string {
	dropped := f.do("load i64, ptr %s%s", f.state(slot), inState)
	return f.do("select i1 %s, i64 %d, i64 0", f.do("icmp eq i64 %s, 0", dropped), n)
}
