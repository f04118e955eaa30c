package wasm2llvm

import (
	"fmt"
	"strings"
)

// Describe adds to a unit the symbol wasm_module (behind Options.Prefix), of struct wasm_module in
// internal/vm/wasm2llvm.h: what a host needs to make an instance and to call its exports. A module is
// described once, in one of its units.
func (u *Unit) Describe(m *Module, o Options) (err error) {
	defer catch(&err, func() string { return "module" })
	d := &description{translation: u.translate(m, o)}
	d.wrappers()
	d.segments()
	d.linkage()
	d.line("%s = constant %s", d.name("wasm_module"), d.module())
	return nil
}

type description struct {
	*translation
}

func (d *description) line(format string, args ...any) {
	fmt.Fprintf(&d.unit.body, format+"\n", args...)
}

// array defines an array and returns it as a field: its length and its address.
func (d *description) array(name, typ string, values []string) string {
	if len(values) == 0 {
		return "i64 0, ptr null"
	}
	symbol := d.name("%s", name)
	d.line("%s = internal constant [%d x %s] [%s], align 16", symbol, len(values), typ, strings.Join(values, ",\n  "))
	return fmt.Sprintf("i64 %d, ptr %s", len(values), symbol)
}

// text defines a string and returns it as a field.
func (d *description) text(name, s string) string {
	symbol := d.name("%s", name)
	d.line("%s = internal constant [%d x i8] c\"%s\"", symbol, len(s), escape([]byte(s)))
	return fmt.Sprintf("i64 %d, ptr %s", len(s), symbol)
}

func escape(b []byte) string {
	const digits = "0123456789ABCDEF"
	out := make([]byte, 0, 3*len(b))
	for _, c := range b {
		if c >= ' ' && c <= '~' && c != '"' && c != '\\' {
			out = append(out, c)
		} else {
			out = append(out, '\\', digits[c>>4], digits[c&15])
		}
	}
	return string(out)
}

// The structures of wasm2llvm.h.
const (
	initRecord   = "{ i32, i32, i64, i64, ptr }"
	entryRecord  = "{ i64, ptr }"
	importRecord = "{ i64, ptr, i64, ptr, i32, i32, i64, i32, i32 }"
	globalRecord = "{ i64, " + initRecord + " }"
	tableRecord  = "{ i64, i64, i32, i32 }"
	dataRecord   = "{ i32, i32, i64, " + initRecord + ", i64, ptr }"
	elemRecord   = "{ i32, i32, i64, " + initRecord + ", i64, ptr }"
	exportRecord = "{ i64, ptr, i32, i32, i64, " + initRecord + ", ptr, ptr }"
	moduleRecord = "{ i64, i32, i32, ptr, i64, ptr, i64, ptr, i64, ptr, i64, ptr, i64, ptr, i64, ptr, i64, i64, ptr, [32 x i8] }"
)

func (d *description) module() string {
	var imports, globals, tables, datas, elems []string
	for i, im := range d.imports {
		slot := int64(0)
		switch im.kind {
		case kindFunc:
			slot = d.layout.imports[im.index]
		case kindGlobal:
			slot = d.layout.globals[im.index]
		case kindTag:
			slot = d.layout.tags[im.index]
		}
		imports = append(imports, fmt.Sprintf("%s { %s, %s, i32 %d, i32 %d, i64 %d, i32 %d, i32 0 }", importRecord,
			d.text(fmt.Sprintf("import.%d.module", i), im.module), d.text(fmt.Sprintf("import.%d.name", i), im.name), im.kind, im.index, slot,
			int32(d.typeCode(im.kind, im.index))))
	}
	for i, g := range d.globals {
		if at := d.layout.globals[i]; at != 0 && i >= d.importedGlobals {
			globals = append(globals, fmt.Sprintf("%s { i64 %d, %s }", globalRecord, at, d.initializer(g.init)))
		}
	}
	for i, t := range d.tables {
		if d.side {
			break
		}
		tables = append(tables, fmt.Sprintf("%s { i64 %d, i64 %d, i32 %d, i32 %d }", tableRecord, d.layout.tables[i],
			d.layout.tableSizes[i], int32(t.min), int32(d.layout.capacities[i])))
	}
	for i, s := range d.datas {
		datas = append(datas, fmt.Sprintf("%s { i32 %d, i32 0, i64 %d, %s, i64 %d, ptr %s }", dataRecord, s.mode, d.layout.datas[i],
			d.initializer(s.offset), len(s.bytes), d.data(uint32(i))))
	}
	for i, s := range d.elems {
		elems = append(elems, fmt.Sprintf("%s { i32 %d, i32 %d, i64 %d, %s, i64 %d, ptr %s }", elemRecord, s.mode, s.table,
			d.layout.elems[i], d.initializer(s.offset), len(s.items), d.name("elem%d", i)))
	}
	low, high := int64(0), int64(0)
	if d.memory != nil {
		low, high = int64(d.memory.min), int64(d.memory.max)
	}
	start := "null"
	if d.start >= 0 {
		start = d.enter(uint32(d.start))
	}
	return fmt.Sprintf("%s { i64 %d, i32 %d, i32 %d, ptr %s, %s, %s, %s, %s, %s, %s, %s, [32 x i8] c\"%s\" }, align 16", moduleRecord, d.layout.size, int32(low), int32(high), start,
		d.array("imports", importRecord, imports), d.array("globals", globalRecord, globals), d.array("tables", tableRecord, tables),
		d.array("datas", dataRecord, datas), d.array("elems", elemRecord, elems), d.array("exports", exportRecord, d.exportList()), d.image(), escape(d.hash[:]))
}

// initializer writes a constant expression; an imported global is named by its place in the state.
func (d *description) initializer(v initializer) string {
	switch v.kind {
	case initFunc:
		return fmt.Sprintf("%s { i32 %d, i32 0, i64 %d, i64 0, ptr %s }", initRecord, v.kind, d.funcType(v.index).ID(), d.function(v.index))
	case initGlobal:
		return fmt.Sprintf("%s { i32 %d, i32 0, i64 %d, i64 0, ptr null }", initRecord, v.kind, d.layout.globals[v.index])
	}
	return fmt.Sprintf("%s { i32 %d, i32 0, i64 %d, i64 %d, ptr null }", initRecord, v.kind, int64(v.value[0]), int64(v.value[1]))
}

func (d *description) exportList() []string {
	var out []string
	for i, e := range d.exports {
		slot, number, enter, direct, value := int64(0), uint32(0), "null", "null", initializer{}
		switch e.kind {
		case kindFunc:
			if d.side || !d.Exports(e.name) {
				continue
			}
			enter, direct = d.enter(e.index), d.direct(e.index)
		case kindGlobal:
			slot, value = d.layout.globals[e.index], d.globals[e.index].init
		case kindTag:
			if int(e.index) < d.importedTags {
				slot = d.layout.tags[e.index]
			} else {
				number = d.FirstTag + e.index - uint32(d.importedTags)
			}
		}
		out = append(out, fmt.Sprintf("%s { %s, i32 %d, i32 %d, i64 %d, %s, ptr %s, ptr %s }", exportRecord,
			d.text(fmt.Sprintf("export.%d", i), e.name), e.kind, int32(number), slot, d.initializer(value), enter, direct))
	}
	return out
}

// segments defines the bytes of data segments and the entries of element segments. An entry that is
// an imported global has the kind of its initializer in the upper half of the ID.
func (d *description) segments() {
	for i, s := range d.datas {
		name := d.data(uint32(i))
		d.unit.defined[name] = true
		if d.Image && s.mode == segmentActive { // a part of the image
			from, _ := d.imageRange()
			d.line("%s = hidden alias i8, getelementptr (i8, ptr %s, i64 %d)", name, d.name("image"), s.offset.address()-from)
			continue
		}
		d.line("%s = hidden constant [%d x i8] c\"%s\", align 16", name, len(s.bytes), escape(s.bytes))
	}
	for i, s := range d.elems {
		entries := make([]string, 0, len(s.items))
		for _, item := range s.items {
			switch item.kind {
			case initFunc:
				entries = append(entries, fmt.Sprintf("%s { i64 %d, ptr %s }", entryRecord, d.funcType(item.index).ID(), d.function(item.index)))
			case initGlobal:
				entries = append(entries, fmt.Sprintf("%s { i64 %d, ptr inttoptr (i64 %d to ptr) }", entryRecord, int64(initGlobal)<<32, d.layout.globals[item.index]))
			default:
				entries = append(entries, entryRecord+" zeroinitializer")
			}
		}
		name := d.name("elem%d", i)
		d.unit.defined[name] = true
		d.line("%s = hidden constant [%d x %s] [%s], align 16", name, len(entries), entryRecord, strings.Join(entries, ",\n  "))
	}
}
