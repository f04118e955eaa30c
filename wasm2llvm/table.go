package wasm2llvm

import "fmt"

// tableSize returns a table's number of elements, as an i32.
func (f *function) tableSize(i uint32) string {
	if f.fixedTable(i) {
		return fmt.Sprint(int32(f.tables[i].min))
	}
	if f.side {
		return f.do("load i32, ptr %s%s", f.distant(f.sideField("i64", sideTableSize)), inState)
	}
	return f.do("load i32, ptr %s%s", f.state(f.layout.tableSizes[i]), inState)
}

// entries returns the address of a table's first element.
func (f *function) entries(i uint32) string {
	if f.side {
		return f.distant(f.sideField("i64", sideTable))
	}
	return f.state(f.layout.tables[i])
}

// tableEntry returns the address of an element, and traps if there is none.
func (f *function) tableEntry(table uint32, index string) string {
	f.trapIf(f.do("icmp uge i32 %s, %s", index, f.tableSize(table)), TrapTableOutOfBounds)
	offset := f.do("shl nuw nsw i64 %s, 4", f.do("zext i32 %s to i64", index))
	return f.do("getelementptr i8, ptr %s, i64 %s", f.entries(table), offset)
}

func (f *function) tableGet() {
	i := f.r.u32()
	t := f.table(i).elem
	entry := f.tableEntry(i, f.pop(I32))
	f.push(f.do("load %s, ptr %s, align 16%s", f.llvm(t), entry, inTable), t)
}

func (f *function) tableSet() {
	i := f.r.u32()
	t := f.table(i).elem
	v := f.pop(t)
	entry := f.tableEntry(i, f.pop(I32))
	f.line("store %s %s, ptr %s, align 16%s", f.llvm(t), v, entry, inTable)
}

// place returns the arguments that tell the runtime of a table: its address and its size.
func (f *function) place(table uint32) string {
	return fmt.Sprintf("ptr %s, i32 %s", f.entries(table), f.tableSize(table))
}

func (f *function) tableGrow() {
	i := f.r.u32()
	t := f.table(i)
	if f.side {
		unsupported("table.grow in a side module")
	}
	n := f.pop(I32)
	v := f.asEntry(f.pop(t.elem), t.elem)
	f.push(f.do("call i32 %s(ptr %s, ptr %s, i32 %d, i32 %s, i64 %s, i64 %s)",
		f.runtime("wasm_table_grow", "i32", "ptr, ptr, i32, i32, i64, i64"), f.state(f.layout.tables[i]),
		f.state(f.layout.tableSizes[i]), int32(f.layout.capacities[i]), n, v[0], v[1]), I32)
}

func (f *function) tableFill() {
	i := f.r.u32()
	t := f.table(i).elem
	n := f.pop(I32)
	v := f.asEntry(f.pop(t), t)
	to := f.pop(I32)
	f.line("call void %s(ptr %%base, %s, i32 %s, i64 %s, i64 %s, i32 %s)",
		f.runtime("wasm_table_fill", "void", "ptr, ptr, i32, i32, i64, i64, i32"), f.place(i), to, v[0], v[1], n)
}

// asEntry returns a reference's two halves.
func (f *function) asEntry(v string, t ValType) [2]string {
	typ := f.llvm(t)
	low := v
	if typ != "i64" {
		low = f.do("trunc %s %s to i64", typ, v)
	}
	if typ == "i64" {
		return [2]string{low, "0"}
	}
	return [2]string{low, f.do("trunc %s %s to i64", typ, f.do("lshr %s %s, 64", typ, v))}
}

func (f *function) tableCopy() {
	to, from := f.r.u32(), f.r.u32()
	check(f.table(to).elem == f.table(from).elem, "type mismatch of two tables")
	v := f.popAll([]ValType{I32, I32, I32})
	f.line("call void %s(ptr %%base, %s, i32 %s, %s, i32 %s, i32 %s)",
		f.runtime("wasm_table_copy", "void", "ptr, ptr, i32, i32, ptr, i32, i32, i32"), f.place(to), v[0].s, f.place(from), v[1].s, v[2].s)
}

// tableInit copies from an element segment, of which Describe defines the entries. Those that name
// an imported global are the host's to fill in, so they are refused here.
func (f *function) tableInit() {
	i, table := f.elemIndex(), f.r.u32()
	e := &f.elems[i]
	check(f.table(table).elem == e.typ, "type mismatch of table and segment")
	for _, item := range e.items {
		if item.kind == initGlobal {
			unsupported("table.init from a segment with an imported global")
		}
	}
	v := f.popAll([]ValType{I32, I32, I32})
	name := f.name("elem%d", i)
	f.line("call void %s(ptr %%base, %s, i32 %s, ptr %s, i64 %s, i32 %s, i32 %s)",
		f.runtime("wasm_table_init", "void", "ptr, ptr, i32, i32, ptr, i64, i32, i32"), f.place(table), v[0].s,
		f.unit.declare(name, "%s = external hidden constant i8", name), f.segmentLength(len(e.items), f.layout.elems[i]), v[1].s, v[2].s)
}

func (f *function) elemDrop() {
	f.line("store i64 1, ptr %s%s", f.state(f.layout.elems[f.elemIndex()]), inState)
}

func (f *function) elemIndex() uint32 {
	i := f.r.u32()
	check(int(i) < len(f.elems), "unknown elem segment %d", i)
	return i
}

func (f *function) refNull() {
	f.push("0", f.r.heapType())
}

func (f *function) refIsNull() {
	v := f.popAny()
	check(v.typ == unknown || v.typ.reference(), "type mismatch: %v where a reference is wanted", v.typ)
	f.push(f.bit("icmp eq %s %s, 0", f.llvm(v.typ), v.s), I32)
}

// refFunc makes a reference: the ID of the function's type, and its address.
func (f *function) refFunc() {
	i := f.r.u32()
	f.funcType(i)
	check(f.declared[i], "undeclared function reference")
	f.reference(i)
}

func (f *function) reference(i uint32) {
	t := f.funcType(i)
	address := f.do("zext i64 %s to i128", f.do("ptrtoint ptr %s to i64", f.function(i)))
	f.push(f.do("or i128 %s, %d", f.do("shl i128 %s, 64", address), t.ID()), FuncRef)
}

// bit writes a comparison and returns its result as an i32.
func (f *function) bit(format string, args ...any) string {
	return f.do("zext i1 %s to i32", f.do(format, args...))
}
