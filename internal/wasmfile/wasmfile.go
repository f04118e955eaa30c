// Package wasmfile reads WebAssembly modules in the binary format, as far as linking needs it: what they import and
// export, where a linker put functions and data, the section that makes a side module of one, and those that hold its
// native code, which it can also add.
//
// It owns no judgement: of an invalid module it says anything, or an error; whether a module is valid is for the
// compiler to say. The format is that of the WebAssembly core specification 3.0, "Binary Format".
package wasmfile

import (
	"errors"
	"fmt"
)

// Kind is the kind of an import or export, as the binary format numbers them.
type Kind byte

// The kinds.

const (
	Func Kind = iota
	Table
	Memory
	Global
	Tag
)

// String is the kind's name in messages.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

var kindNames = [...]string{"function", "table", "memory", "variable", "exception"}

// Import is one import of a module.
type Import struct {
	Module, Name string
	Kind         Kind
	// Type has the bytes of the function type of a function or tag; "" where the module's list of types does not say.
	Type string
}

// Export is one export: the index is that of the functions, or of the globals, imports counted first.
type Export struct {
	Kind  Kind
	Index uint32
}

// File is what Parse finds in a module.
type File struct {
	Imports []Import
	Exports map[string]Export
	Globals map[uint32]uint32 // the value of each global of its own that is a constant i32
	// Slots has, for each function that an element segment puts into the table, the first slot: counted from the table's
	// beginning in a program, and from __table_base in a side module.
	Slots     map[uint32]uint32
	FirstSlot uint32  // lowest slot of the element segments
	Tables    int     // tables of its own, imports not counted
	Memories  int     // memories, likewise
	Dylink    *Dylink // nil: not a side module

	types []string
}

// Numbers of sections in the binary format.
const (
	sectionCustom  = 0
	sectionType    = 1
	sectionImport  = 2
	sectionTable   = 4
	sectionMemory  = 5
	sectionGlobal  = 6
	sectionExport  = 7
	sectionElement = 9
)

// header begins every module: the magic number, and version 1.
const header = "\x00asm\x01\x00\x00\x00"

// ErrNotWasm is the error for what does not even begin as a module does.
var ErrNotWasm = errors.New("not a WebAssembly module")

// Parse reads the sections that File describes, and skips the others. An error wraps ErrNotWasm, or says that a section
// is malformed.
func Parse(code []byte) (*File, error) {
	if len(code) < len(header) || string(code[:len(header)]) != header {
		return nil, ErrNotWasm
	}
	f := &File{Exports: map[string]Export{}, Globals: map[uint32]uint32{}, Slots: map[uint32]uint32{}, FirstSlot: ^uint32(0)}
	all := reader{b: code[len(header):]}
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

func (f *File) section(id byte, r *reader) {
	switch id {
	case sectionCustom:
		if r.name() == "dylink.0" {
			f.readDylink(r)
		}
	case sectionType:
		f.readTypes(r)
	case sectionImport:
		r.times(func() { f.readImport(r) })
	case sectionTable:
		f.Tables = int(r.u32())
	case sectionMemory:
		f.Memories = int(r.u32())
	case sectionGlobal:
		f.readGlobals(r)
	case sectionExport:
		r.times(func() {
			name := r.name()
			f.Exports[name] = Export{Kind(r.byte()), r.u32()}
		})
	case sectionElement:
		f.readElements(r)
	}
}

// readTypes stops at the first type that is no function's: a linker writes only those.
func (f *File) readTypes(r *reader) {
	const function = 0x60
	for n := r.u32(); n > 0 && r.err == nil; n-- {
		begin := r.b
		if r.byte() != function {
			return
		}
		for range 2 { // parameters, results
			r.times(r.valueType)
		}
		f.types = append(f.types, string(begin[:len(begin)-len(r.b)]))
	}
}

func (f *File) readImport(r *reader) {
	i := Import{Module: r.name(), Name: r.name(), Kind: Kind(r.byte())}
	switch i.Kind {
	case Func:
		i.Type = f.typeAt(r.u32())
	case Table:
		r.valueType()
		r.limits()
	case Memory:
		r.limits()
	case Global:
		r.valueType()
		r.byte() // mutability
	case Tag:
		r.byte()
		i.Type = f.typeAt(r.u32())
	default:
		r.fail()
	}
	f.Imports = append(f.Imports, i)
}

func (f *File) typeAt(index uint32) string {
	if uint64(index) < uint64(len(f.types)) {
		return f.types[index]
	}
	return ""
}

// readGlobals stops at the first initial value of a kind it does not know: a linker writes only constants.
func (f *File) readGlobals(r *reader) {
	var index uint32
	for _, i := range f.Imports {
		if i.Kind == Global {
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
		f.Globals[index] = uint32(value)
		index++
	}
}

// readElements reads the segments that a linker writes: active, of table 0, of functions.
func (f *File) readElements(r *reader) {
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
		f.FirstSlot = min(f.FirstSlot, slot)
		r.times(func() {
			index := r.u32()
			if _, ok := f.Slots[index]; !ok {
				f.Slots[index] = slot
			}
			slot++
		})
	}
}
