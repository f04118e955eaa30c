package wasm2llvm

import "fmt"

func (p *parser) exportSection(s *reader) {
	seen := map[string]bool{}
	for n := s.count(); n > 0; n-- {
		e := export{s.name(), s.byte(), s.u32()}
		check(!seen[e.name], "duplicate export name %q", e.name)
		seen[e.name] = true
		switch e.kind {
		case kindFunc:
			p.funcType(e.index)
			p.declared[e.index] = true
			if p.names[e.index] == "" {
				p.names[e.index] = e.name
			}
		case kindTable:
			p.table(e.index)
		case kindMemory:
			check(p.memory != nil && e.index == 0, "unknown memory %d", e.index)
		case kindGlobal:
			p.global(e.index)
		case kindTag:
			p.tagType(e.index)
		default:
			invalid("malformed export kind")
		}
		p.exports = append(p.exports, e)
	}
}

func (p *parser) startSection(s *reader) {
	i := s.u32()
	t := p.funcType(i)
	check(len(t.Params)+len(t.Results) == 0, "start function with parameters or results")
	p.start = int(i)
}

// elemSection reads element segments. The lowest bit of flags means passive or declared, the second
// one that a table (of an active segment) or that it is declared, the third that the items are
// expressions.
func (p *parser) elemSection(s *reader) {
	for n := s.count(); n > 0; n-- {
		flags := s.u32()
		check(flags < 8, "malformed element segment kind")
		e := elemSegment{typ: FuncRef}
		switch {
		case flags&1 == 0:
			if flags&2 != 0 {
				e.table = s.u32()
			}
			p.table(e.table)
			e.offset = p.initializer(s, I32)
		case flags&2 != 0:
			e.mode = segmentDeclared
		default:
			e.mode = segmentPassive
		}
		expressions := flags&4 != 0
		if flags&3 != 0 {
			if expressions {
				e.typ = s.refType()
			} else {
				check(s.byte() == 0, "malformed element kind")
			}
		}
		for k := s.count(); k > 0; k-- {
			if expressions {
				e.items = append(e.items, p.initializer(s, e.typ))
			} else {
				e.items = append(e.items, p.refFunc(s.u32()))
			}
		}
		check(e.mode != segmentActive || p.table(e.table).elem == e.typ, "type mismatch of table and segment")
		p.elems = append(p.elems, e)
	}
}

func (p *parser) dataCountSection(s *reader) {
	p.dataCount = int64(s.u32())
	p.hasCount = true
}

func (p *parser) codeSection(s *reader) {
	n := s.count()
	check(n == p.defined, "function and code section have inconsistent lengths")
	for ; n > 0; n-- {
		p.bodies = append(p.bodies, s.bytes(s.u32()))
	}
}

func (p *parser) dataSection(s *reader) {
	n := s.count()
	check(p.dataCount < 0 || p.dataCount == int64(n), "data count and data section have inconsistent lengths")
	p.dataCount = int64(n)
	for ; n > 0; n-- {
		var d dataSegment
		switch flags := s.u32(); flags {
		case 0, 2:
			index := uint32(0)
			if flags == 2 {
				index = s.u32()
			}
			check(p.memory != nil && index == 0, "unknown memory %d", index)
			d.offset = p.initializer(s, I32)
		case 1:
			d.mode = segmentPassive
		default:
			invalid("malformed data segment kind")
		}
		d.bytes = s.bytes(s.u32())
		p.datas = append(p.datas, d)
	}
}

// custom reads the names of functions from the name section, and sees that dylink.0 is there. What
// is wrong in the first is not an error, by the specification.
func (p *parser) custom(s *reader) {
	switch s.name() {
	case "name":
	case "dylink.0":
		p.side = true
		return
	default:
		return
	}
	var ignored error
	defer catch(&ignored, func() string { return "" })
	for !s.done() {
		id := s.byte()
		sub := &reader{b: s.bytes(s.u32())}
		if id != 1 {
			continue
		}
		for n := sub.count(); n > 0; n-- {
			i := sub.u32()
			p.names[i] = sub.name()
		}
	}
}

// finish checks what needs the whole module, and lays out the instance's state.
func (p *parser) finish() {
	check(int(p.defined) == len(p.bodies), "function and code section have inconsistent lengths")
	check(p.dataCount <= 0 || int(p.dataCount) == len(p.datas), "data count and data section have inconsistent lengths")
	p.exnBits = 64
	for i := range p.tags {
		bits := 32
		for _, t := range p.tagType(uint32(i)).Params {
			if t == ExnRef {
				unsupported("a tag with a parameter of type exnref")
			}
			bits += t.bits()
		}
		p.exnBits = max(p.exnBits, (bits+63)/64*64)
	}
	for _, t := range p.tables {
		if t.elem == ExnRef && p.exnBits > 128 {
			unsupported("a table of exnref beside tags of more than 96 bits")
		}
	}
	for _, g := range p.globals {
		if g.typ == ExnRef && p.exnBits > 128 {
			unsupported("a global of type exnref beside tags of more than 96 bits")
		}
	}
	for i, t := range p.tables {
		if t.min > maxTable {
			unsupported("table %d of %d elements", i, t.min)
		}
	}
	if p.side {
		p.checkSide()
	}
	p.layout = p.lay()
}

// where names a function in an error.
func (m *Module) where(i uint32) string { return fmt.Sprintf("function %s", m.symbol(i)) }
