package wasm2llvm

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// Module is a WebAssembly module that Parse has read and checked, but for the bodies of its
// functions: those are checked as they are translated. It does not change.
type Module struct {
	types    []FuncType
	imports  []importItem
	funcs    []uint32 // type indexes, imported functions first
	tables   []tableType
	memory   *limits
	tags     []uint32 // type indexes, imported tags first
	globals  []global
	exports  []export
	start    int // -1: none
	elems    []elemSegment
	bodies   [][]byte
	datas    []dataSegment
	hasCount bool // a data count section was there
	names    map[uint32]string
	declared map[uint32]bool // functions that ref.func may name

	importedFuncs, importedTables, importedGlobals, importedTags int
	importedMemory                                               bool

	side      bool   // has a section dylink.0
	variables []bool // of a side module: the imported global is the host's to make, not the program's

	exnBits int
	layout  layout
	hash    [sha256.Size]byte // of the WebAssembly
}

type importItem struct {
	module, name string
	kind         byte
	index        uint32 // in its kind's index space
}

type limits struct {
	min, max uint32
	hasMax   bool
	shared   bool
}

type tableType struct {
	elem ValType
	limits
}

type global struct {
	typ     ValType
	mutable bool
	init    initializer
}

type export struct {
	name  string
	kind  byte
	index uint32
}

// The kinds of imports and exports.
const (
	kindFunc   = 0
	kindTable  = 1
	kindMemory = 2
	kindGlobal = 3
	kindTag    = 4
)

type segmentMode byte

const (
	segmentActive segmentMode = iota
	segmentPassive
	segmentDeclared
)

type elemSegment struct {
	mode   segmentMode
	table  uint32
	offset initializer
	typ    ValType
	items  []initializer
}

type dataSegment struct {
	mode   segmentMode
	offset initializer
	bytes  []byte
}

// Functions returns how many functions the module defines; Unit.Function takes their numbers from
// 0.
func (m *Module) Functions() int { return len(m.bodies) }

// Side reports whether it is a side module, which is linked with runtime/memory.c and runtime/side
// instead of all of runtime.
func (m *Module) Side() bool { return m.side }

// FunctionSize returns the length in bytes of a function's body, a measure of what it costs to
// compile.
func (m *Module) FunctionSize(i int) int { return len(m.bodies[i]) }

// Export is a function that the module exports.
type Export struct {
	Name string
	Type FuncType
}

// ExportedFunctions returns the functions that the module exports, in the order of the export
// section.
func (m *Module) ExportedFunctions() []Export {
	var out []Export
	for _, e := range m.exports {
		if e.kind == kindFunc {
			out = append(out, Export{e.name, m.funcType(e.index)})
		}
	}
	return out
}

// GlobalType returns the type of a global that the module exports.
func (m *Module) GlobalType(name string) (ValType, bool) {
	for _, e := range m.exports {
		if e.kind == kindGlobal && e.name == name {
			return m.globals[e.index].typ, true
		}
	}
	return 0, false
}

func (m *Module) funcType(i uint32) FuncType {
	check(int(i) < len(m.funcs), "unknown function %d", i)
	return m.types[m.funcs[i]]
}

func (m *Module) tagType(i uint32) FuncType {
	check(int(i) < len(m.tags), "unknown tag %d", i)
	return m.types[m.tags[i]]
}

func (m *Module) typ(i uint32) FuncType {
	check(int(i) < len(m.types), "unknown type %d", i)
	return m.types[i]
}

func (m *Module) table(i uint32) *tableType {
	check(int(i) < len(m.tables), "unknown table %d", i)
	return &m.tables[i]
}

func (m *Module) global(i uint32) *global {
	check(int(i) < len(m.globals), "unknown global %d", i)
	return &m.globals[i]
}

// Symbol returns the name of the symbol that Unit.Function gives its i-th function, without Options.Prefix.
func (m *Module) Symbol(i int) string { return m.symbol(uint32(i + m.importedFuncs)) }

// symbol returns the name of a function's symbol, without Unit's prefix: "f" and its index, and
// behind it the name by which the module exports it or its name section knows it.
func (m *Module) symbol(i uint32) string {
	s := fmt.Sprintf("f%d", i)
	if n := m.names[i]; n != "" {
		s += "." + strings.Map(symbolByte, n)
	}
	return s
}

// symbolByte keeps what linkers take in a symbol as it is; behind an @ they expect a version.
func symbolByte(c rune) rune {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '$' {
		return c
	}
	return '_'
}
