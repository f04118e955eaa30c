package vm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// symbolKind is the kind of an import or export, as the binary format numbers them.
type symbolKind byte

const (
	kindFunc symbolKind = iota
	kindTable
	kindMemory
	kindGlobal
	kindTag
)

// String is the kind's name in messages.
func (k symbolKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

var kindNames = [...]string{"function", "table", "memory", "variable", "exception"}

// wasmImport is one import of a module.
type wasmImport struct {
	module, name string
	kind         symbolKind
	mutable      bool // of a global
}

// wasmExport is one export: the index is that of the functions, or of the globals, imports counted first.
type wasmExport struct {
	kind  symbolKind
	index uint32
}

// wasmFile is what dynamic linking needs to know of a module. Of an invalid module it is anything, or an error;
// whether a module is valid is for the compiler to say.
type wasmFile struct {
	imports []wasmImport
	exports map[string]wasmExport
	globals map[uint32]uint32 // the value of each global of its own that is a constant i32
	// slots has, for each function that an element segment puts into the table, the first slot: counted from the table's
	// beginning in a program, and from __table_base in a side module.
	slots     map[uint32]uint32
	firstSlot uint32  // lowest slot of the element segments
	tables    int     // tables and memories of its own, imports not counted
	memories  int     //
	dylink    *dylink // nil: not a side module
}

// dylink is the section that makes a module a side module: dylink.0 of WebAssembly/tool-conventions, DynamicLinking.md.
type dylink struct {
	memSize, memAlign     uint32 // bytes; an alignment is a power of two
	tableSize, tableAlign uint32 // slots
	needed                []string
}

// Numbers of sections in the binary format.
const (
	sectionCustom  = 0
	sectionImport  = 2
	sectionTable   = 4
	sectionMemory  = 5
	sectionGlobal  = 6
	sectionExport  = 7
	sectionElement = 9
)

var errNotWasm = errors.New("not a WebAssembly module")

// parseWasm reads the sections that wasmFile describes, and skips the others.
func parseWasm(code []byte) (*wasmFile, error) {
	if len(code) < 8 || string(code[:8]) != "\x00asm\x01\x00\x00\x00" {
		return nil, errNotWasm
	}
	f := &wasmFile{exports: map[string]wasmExport{}, globals: map[uint32]uint32{}, slots: map[uint32]uint32{}, firstSlot: ^uint32(0)}
	all := reader{b: code[8:]}
	for len(all.b) > 0 && all.err == nil {
		id := all.byte()
		r := reader{b: all.bytes(all.u32())}
		if all.err == nil {
			f.section(id, &r)
		}
		if r.err != nil {
			return nil, fmt.Errorf("section %d: %w", id, r.err)
		}
	}
	return f, all.err
}

func (f *wasmFile) section(id byte, r *reader) {
	switch id {
	case sectionCustom:
		if r.name() == "dylink.0" {
			f.readDylink(r)
		}
	case sectionImport:
		r.times(func() { f.readImport(r) })
	case sectionTable:
		f.tables = int(r.u32())
	case sectionMemory:
		f.memories = int(r.u32())
	case sectionGlobal:
		f.readGlobals(r)
	case sectionExport:
		r.times(func() {
			name := r.name()
			f.exports[name] = wasmExport{symbolKind(r.byte()), r.u32()}
		})
	case sectionElement:
		f.readElements(r)
	}
}

func (f *wasmFile) readImport(r *reader) {
	i := wasmImport{module: r.name(), name: r.name(), kind: symbolKind(r.byte())}
	switch i.kind {
	case kindFunc:
		r.u32()
	case kindTable:
		r.byte()
		r.limits()
	case kindMemory:
		r.limits()
	case kindGlobal:
		r.byte()
		i.mutable = r.byte() == 1
	case kindTag:
		r.byte()
		r.u32()
	default:
		r.fail()
	}
	f.imports = append(f.imports, i)
}

// readGlobals stops at the first initial value of a kind it does not know: a linker writes only constants.
func (f *wasmFile) readGlobals(r *reader) {
	var index uint32
	for _, i := range f.imports {
		if i.kind == kindGlobal {
			index++
		}
	}
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		const i32, i32Const, end = 0x7f, 0x41, 0x0b
		kind := r.byte()
		r.byte() // mutability
		if kind != i32 || r.byte() != i32Const {
			return
		}
		value := r.s32()
		if r.byte() != end {
			return
		}
		f.globals[index] = uint32(value)
		index++
	}
}

// readElements reads the segments that a linker writes: active, of table 0, of functions.
func (f *wasmFile) readElements(r *reader) {
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		const i32Const, globalGet, end = 0x41, 0x23, 0x0b
		if r.u32() != 0 {
			return
		}
		var slot uint32
		switch r.byte() {
		case i32Const:
			slot = uint32(r.s32())
		case globalGet: // a side module's __table_base
			r.u32()
		default:
			return
		}
		if r.byte() != end {
			return
		}
		f.firstSlot = min(f.firstSlot, slot)
		r.times(func() {
			index := r.u32()
			if _, ok := f.slots[index]; !ok {
				f.slots[index] = slot
			}
			slot++
		})
	}
}

func (f *wasmFile) readDylink(r *reader) {
	const memInfo, needed = 1, 2
	d := &dylink{memAlign: 1, tableAlign: 1}
	for len(r.b) > 0 && r.err == nil {
		kind := r.byte()
		s := reader{b: r.bytes(r.u32())}
		switch kind {
		case memInfo:
			d.memSize, d.memAlign = s.u32(), s.power()
			d.tableSize, d.tableAlign = s.u32(), s.power()
		case needed:
			s.times(func() { d.needed = append(d.needed, s.name()) })
		}
		if s.err != nil {
			r.fail()
		}
	}
	f.dylink = d
}

// withoutFunctions returns the module with no function exported but keep. Code that only an importer could call
// would be compiled with a way in from outside for each, and looked up at each start.
func withoutFunctions(code []byte, keep string) ([]byte, error) {
	const header = 8
	if _, err := parseWasm(code); err != nil {
		return nil, err
	}
	all := reader{b: code[header:]}
	for len(all.b) > 0 {
		begin := len(code) - len(all.b)
		id := all.byte()
		r := reader{b: all.bytes(all.u32())}
		if id != sectionExport {
			continue
		}
		var kept []byte
		var count uint64
		r.times(func() {
			export := r.b
			name := r.name()
			kind := symbolKind(r.byte())
			r.u32()
			if kind != kindFunc || name == keep {
				kept = append(kept, export[:len(export)-len(r.b)]...)
				count++
			}
		})
		kept = append(binary.AppendUvarint(nil, count), kept...)
		head := binary.AppendUvarint([]byte{sectionExport}, uint64(len(kept)))
		return slices.Concat(code[:begin], head, kept, all.b), nil
	}
	return code, nil
}

// reader reads the binary format. After its first error it returns zeros.
type reader struct {
	b   []byte
	err error
}

var errMalformed = errors.New("malformed")

func (r *reader) fail() {
	r.err = errMalformed
	r.b = nil
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(r.b)) {
		r.fail()
		return nil
	}
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) name() string { return string(r.bytes(r.u32())) }

// u32 reads an unsigned LEB128 number.
func (r *reader) u32() uint32 {
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if v > 1<<32-1 {
				break
			}
			return uint32(v)
		}
	}
	r.fail()
	return 0
}

// s32 reads a signed LEB128 number.
func (r *reader) s32() int32 {
	var v int64
	for shift := 0; shift < 35; shift += 7 {
		c := r.byte()
		v |= int64(c&0x7f) << shift
		if c < 0x80 {
			if c&0x40 != 0 {
				v -= 1 << (shift + 7)
			}
			return int32(v)
		}
	}
	r.fail()
	return 0
}

// power reads an exponent and returns the power of two.
func (r *reader) power() uint32 {
	n := r.u32()
	if n > 31 {
		r.fail()
		return 1
	}
	return 1 << n
}

func (r *reader) limits() {
	flags := r.byte()
	r.u32()
	if flags&1 != 0 {
		r.u32()
	}
}

// times reads a count and calls f as often, or until an error.
func (r *reader) times(f func()) {
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		f()
	}
}
