package wasm2llvm

import (
	"crypto/sha256"
	"fmt"
)

// sectionOrder is where each section may stand, by its ID; custom sections may stand anywhere.
var sectionOrder = map[byte]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 13: 6, 6: 7, 7: 8, 8: 9, 9: 10, 12: 11, 10: 12, 11: 13}

// Parse reads a binary module and checks it, but for the bodies of its functions. The module keeps
// wasm.
func Parse(wasm []byte) (m *Module, err error) {
	p := &parser{Module: &Module{hash: sha256.Sum256(wasm), start: -1, names: map[uint32]string{}, declared: map[uint32]bool{}}, dataCount: -1}
	id := byte(0)
	defer catch(&err, func() string { return fmt.Sprintf("section %d", id) })
	r := &reader{b: wasm}
	check(string(r.bytes(4)) == "\x00asm", "magic header not detected")
	check(r.fixed32() == 1, "unknown binary version")
	last := 0
	for !r.done() {
		id = r.byte()
		s := &reader{b: r.bytes(r.u32())}
		if id == 0 {
			p.custom(s)
			continue
		}
		order, ok := sectionOrder[id]
		check(ok, "malformed section id")
		check(order > last, "unexpected content after last section")
		last = order
		p.section(id, s)
		check(s.done(), "section size mismatch")
	}
	id = 0
	p.finish()
	return p.Module, nil
}

type parser struct {
	*Module
	defined   uint32 // functions that the function section names
	dataCount int64  // -1: no such section
}

func (p *parser) section(id byte, s *reader) {
	read := map[byte]func(*reader){
		1: p.typeSection, 2: p.importSection, 3: p.functionSection, 4: p.tableSection, 5: p.memorySection, 6: p.globalSection,
		7: p.exportSection, 8: p.startSection, 9: p.elemSection, 10: p.codeSection, 11: p.dataSection, 12: p.dataCountSection,
		13: p.tagSection,
	}[id]
	read(s)
}

func (p *parser) typeSection(s *reader) {
	for n := s.count(); n > 0; n-- {
		switch form := s.byte(); form {
		case 0x60:
		case 0x5e, 0x5f, 0x50, 0x4f, 0x4e:
			unsupported("a type of the garbage collection proposal")
		default:
			invalid("type form %#x", form)
		}
		p.types = append(p.types, FuncType{s.valTypes(), s.valTypes()})
	}
	ids := map[uint32]FuncType{}
	for _, t := range p.types {
		if o, ok := ids[t.ID()]; ok && !o.equal(t) {
			unsupported("a set of function types with equal hashes")
		}
		ids[t.ID()] = t
	}
}

func (r *reader) valTypes() []ValType {
	n := r.count()
	out := make([]ValType, n)
	for i := range out {
		out[i] = r.valType()
	}
	return out
}

func (r *reader) valType() ValType {
	switch t := ValType(r.byte()); t {
	case I32, I64, F32, F64, V128, FuncRef, ExternRef, ExnRef:
		return t
	case 0x63, 0x64:
		unsupported("a typed function reference")
	default:
		if t >= 0x65 && t <= 0x77 {
			unsupported("reference %v", t)
		}
		invalid("malformed value type %#x", byte(t))
	}
	return 0
}

func (r *reader) refType() ValType {
	t := r.valType()
	check(t.reference(), "malformed reference type")
	return t
}

func (r *reader) limits(max uint64, what string) limits {
	f := r.byte()
	if f >= 4 {
		check(f < 8, "malformed limits flags")
		unsupported("a 64-bit %s", what)
	}
	check(what == "memory" || f < 2, "malformed limits flags")
	l := limits{min: r.u32(), hasMax: f&1 != 0, shared: f&2 != 0}
	l.max = uint32(min(max, 1<<32-1))
	check(!l.shared || l.hasMax, "shared memory must have maximum")
	check(uint64(l.min) <= max, "%s size must be at most %d", what, max)
	if l.hasMax {
		l.max = r.u32()
		check(uint64(l.max) <= max, "%s size must be at most %d", what, max)
		check(l.min <= l.max, "size minimum must not be greater than maximum")
	}
	return l
}

func (p *parser) importSection(s *reader) {
	for n := s.count(); n > 0; n-- {
		i := importItem{module: s.name(), name: s.name(), kind: s.byte()}
		switch i.kind {
		case kindFunc:
			i.index = uint32(len(p.funcs))
			t := s.u32()
			p.typ(t)
			p.funcs = append(p.funcs, t)
			p.importedFuncs++
		case kindTable:
			i.index = uint32(len(p.tables))
			p.tables = append(p.tables, s.tableType())
			p.importedTables++
		case kindMemory:
			p.addMemory(s)
			p.importedMemory = true
		case kindGlobal:
			i.index = uint32(len(p.globals))
			p.globals = append(p.globals, s.globalType())
			p.importedGlobals++
		case kindTag:
			i.index = uint32(len(p.tags))
			p.addTag(s)
			p.importedTags++
		default:
			invalid("malformed import kind")
		}
		p.imports = append(p.imports, i)
	}
}

func (p *parser) functionSection(s *reader) {
	p.defined = s.count()
	for n := p.defined; n > 0; n-- {
		t := s.u32()
		p.typ(t)
		p.funcs = append(p.funcs, t)
	}
}

func (r *reader) tableType() tableType {
	if !r.done() && r.b[r.p] == 0x40 {
		unsupported("a table with an initializer")
	}
	t := r.refType()
	return tableType{t, r.limits(1<<32-1, "table")}
}

func (p *parser) tableSection(s *reader) {
	for n := s.count(); n > 0; n-- {
		p.tables = append(p.tables, s.tableType())
	}
}

func (p *parser) addMemory(s *reader) {
	l := s.limits(1<<16, "memory")
	if p.memory != nil {
		unsupported("a module with multiple memories")
	}
	p.memory = &l
}

func (p *parser) memorySection(s *reader) {
	for n := s.count(); n > 0; n-- {
		p.addMemory(s)
	}
}

func (p *parser) addTag(s *reader) {
	check(s.byte() == 0, "malformed tag attribute")
	t := s.u32()
	check(len(p.typ(t).Results) == 0, "non-empty tag result type")
	p.tags = append(p.tags, t)
}

func (p *parser) tagSection(s *reader) {
	for n := s.count(); n > 0; n-- {
		p.addTag(s)
	}
}

func (r *reader) globalType() global {
	g := global{typ: r.valType()}
	mutable := r.byte()
	check(mutable < 2, "malformed mutability")
	g.mutable = mutable == 1
	return g
}

func (p *parser) globalSection(s *reader) {
	for n := s.count(); n > 0; n-- {
		g := s.globalType()
		g.init = p.initializer(s, g.typ)
		p.globals = append(p.globals, g)
	}
}
