package wasm2llvm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// linkage defines wasm_linkage, of struct wasm_linkage in internal/vm/wasm2llvm.h: what linking a side module
// to a program needs to know of either. It is kept small, as PostgreSQL exports more than 12,000
// symbols: names are offsets in one text, and code is told by its distance from the list, which
// the loader has nothing to do for.
func (d *description) linkage() {
	side := "null"
	if d.side {
		side = d.name("wasm_side")
		d.sideVariables()
	}
	text, symbols, types := &names{at: map[string]int{}}, []string(nil), []string(nil)
	if d.Symbols || d.side {
		symbols, types = d.symbols(text), d.types(text)
	}
	d.defineArray("wasm_symbols", symbolRecord, symbols)
	d.defineArray("wasm_types", typeRecord, types)
	name := d.name("wasm_names")
	d.line("%s = internal constant [%d x i8] c\"%s\"", name, text.b.Len(), escape([]byte(text.b.String())))
	d.line("%s = constant %s { i32 %d, i32 %d, i32 %d, i32 %d, ptr %s, ptr %s, ptr %s, ptr %s, ptr %s, ptr %s, ptr %s }, align 16",
		d.name("wasm_linkage"), linkageRecord, d.exnBits, len(symbols), len(types), text.b.Len(), d.name("wasm_symbols"),
		d.name("wasm_types"), name, side, d.array3("functions"), d.array3("globals"), d.array3("tags"))
}

// The structures of wasm2llvm.h.
const (
	linkageRecord = "{ i32, i32, i32, i32, ptr, ptr, ptr, ptr, ptr, ptr, ptr }"
	symbolRecord  = "{ i32, i32, i32, i32, i32 }"
	typeRecord    = "{ i32, i32 }"
)

func (d *description) array3(what string) string {
	if !d.side {
		return "null"
	}
	return d.name("wasm_side_%s", what)
}

func (d *description) defineArray(name, typ string, values []string) {
	d.line("%s = internal constant [%d x %s] [%s], align 16", d.name("%s", name), len(values), typ, strings.Join(values, ",\n  "))
}

// names is a text of names, each with a zero behind it.
type names struct {
	b  strings.Builder
	at map[string]int
}

func (n *names) offset(s string) int {
	at, ok := n.at[s]
	if !ok {
		at = n.b.Len()
		n.at[s] = at
		n.b.WriteString(s + "\x00")
	}
	return at
}

// symbols returns the exports, sorted by name. Where a function has an entry in the table already,
// its slot is told too.
func (d *description) symbols(text *names) []string {
	slots := map[uint32]uint32{}
	for _, e := range d.elems {
		for k, item := range e.items {
			if _, ok := slots[item.index]; !ok && item.kind == initFunc && e.mode == segmentActive && e.table == 0 && e.offset.kind == initConst {
				slots[item.index] = uint32(e.offset.value[0]) + uint32(k)
			}
		}
	}
	sorted := slices.Clone(d.exports)
	slices.SortFunc(sorted, func(a, b export) int { return cmp.Compare(a.name, b.name) })
	out := make([]string, 0, len(sorted))
	for _, e := range sorted {
		code, value := "0", uint32(0)
		switch e.kind {
		case kindFunc:
			code = fmt.Sprintf("trunc (i64 sub (i64 ptrtoint (ptr %s to i64), i64 ptrtoint (ptr %s to i64)) to i32)", d.function(e.index), d.name("wasm_symbols"))
			value = slots[e.index]
		case kindGlobal:
			code, value = itoa(d.layout.globals[e.index]), uint32(d.globals[e.index].init.value[0])
		case kindTag:
			code = fmt.Sprint(d.FirstTag + e.index - uint32(d.importedTags))
			if int(e.index) < d.importedTags {
				continue
			}
		}
		out = append(out, fmt.Sprintf("%s { i32 %d, i32 %d, i32 %d, i32 %s, i32 %d }", symbolRecord, text.offset(e.name), e.index<<3|uint32(e.kind),
			int32(value), code, int32(d.typeCode(e.kind, e.index))))
	}
	return out
}

// typeCode returns a number that is equal for what can be linked.
func (d *description) typeCode(kind byte, i uint32) uint32 {
	const mutable = 1 << 8
	switch kind {
	case kindFunc:
		return d.funcType(i).ID()
	case kindTag:
		return d.tagType(i).ID()
	case kindTable:
		return uint32(d.tables[i].elem)
	case kindGlobal:
		if d.globals[i].mutable {
			return uint32(d.globals[i].typ) | mutable
		}
		return uint32(d.globals[i].typ)
	}
	return 0
}

// types returns, sorted by ID, the types whose IDs are hashes, so that whoever links modules can see
// that equal ones mean the same.
func (d *description) types(text *names) []string {
	texts := map[uint32]string{}
	for _, t := range d.Module.types {
		if id := t.ID(); id>>31 != 0 {
			texts[id] = fmt.Sprintf("%x-%x", bytesOf(t.Params), bytesOf(t.Results))
		}
	}
	ids := make([]uint32, 0, len(texts))
	for id := range texts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		out = append(out, fmt.Sprintf("%s { i32 %d, i32 %d }", typeRecord, int32(id), text.offset(texts[id])))
	}
	return out
}
