package wasm2llvm

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// ValType is a value's type, by its code in the binary format.
type ValType byte

// The types of values.
const (
	I32       ValType = 0x7f
	I64       ValType = 0x7e
	F32       ValType = 0x7d
	F64       ValType = 0x7c
	V128      ValType = 0x7b
	FuncRef   ValType = 0x70
	ExternRef ValType = 0x6f
	ExnRef    ValType = 0x69

	unknown ValType = 0 // of a value in code that is never reached
)

func (t ValType) reference() bool { return t == FuncRef || t == ExternRef || t == ExnRef }

func (t ValType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case V128:
		return "v128"
	case FuncRef:
		return "funcref"
	case ExternRef:
		return "externref"
	case ExnRef:
		return "exnref"
	}
	return fmt.Sprintf("type %#x", byte(t))
}

// FuncType is the type of a function, of a block or, without results, of a tag.
type FuncType struct {
	Params, Results []ValType
}

func (t FuncType) equal(o FuncType) bool {
	return string(bytesOf(t.Params)) == string(bytesOf(o.Params)) && string(bytesOf(t.Results)) == string(bytesOf(o.Results))
}

func bytesOf(types []ValType) []byte {
	b := make([]byte, len(types))
	for i, t := range types {
		b[i] = byte(t)
	}
	return b
}

// ID identifies the type in tables: equal types have equal IDs in every module. It is never 0. Two
// types of one module that differ never share one; Parse refuses such a module.
func (t FuncType) ID() uint32 {
	const codes = "\x7f\x7e\x7d\x7c\x7b\x70\x6f\x69"
	id, fits := uint64(1), true // digits in base 9: 0 is the arrow
	for _, c := range append(append(bytesOf(t.Params), 0), bytesOf(t.Results)...) {
		id = id*9 + uint64(strings.IndexByte(codes, c)+1)
		fits = fits && id < 1<<31
	}
	if fits {
		return uint32(id)
	}
	h := fnv.New32a()
	h.Write(bytesOf(t.Params))
	h.Write([]byte{0})
	h.Write(bytesOf(t.Results))
	return h.Sum32() | 1<<31
}

// llvm returns the type's name in LLVM IR. References are entries of a table: the ID of the
// function's type (or 1 for externref) in the lower half, an address in the upper one; null is 0.
// An exnref is the tag's number in the low 32 bits, and the values of the exception above them.
func (m *Module) llvm(t ValType) string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "float"
	case F64:
		return "double"
	case V128:
		return "<2 x i64>"
	case FuncRef, ExternRef:
		return "i128"
	case ExnRef:
		return fmt.Sprintf("i%d", m.exnBits)
	case unknown:
		return "i32" // in code that is never reached any type does
	}
	panic("no such type")
}

func (t ValType) bits() int {
	switch t {
	case I32, F32:
		return 32
	case I64, F64:
		return 64
	}
	return 128
}

// signature returns the LLVM type of a function's result.
func (m *Module) result(t FuncType) string {
	switch len(t.Results) {
	case 0:
		return "void"
	case 1:
		return m.llvm(t.Results[0])
	}
	var s []string
	for _, r := range t.Results {
		s = append(s, m.llvm(r))
	}
	return "{ " + strings.Join(s, ", ") + " }"
}

// params returns the parameter list of a declaration of a guest's function.
func (m *Module) params(t FuncType) string {
	var s []string
	for _, p := range t.Params {
		s = append(s, m.llvm(p))
	}
	return strings.Join(append(s, "ptr swiftself"), ", ")
}

// Trap is the reason of a trap, as the code's undefined instructions carry it; internal/vm/wasm2llvm.h
// has the same numbers.
type Trap byte

// The traps.
const (
	TrapUnreachable Trap = iota + 1
	TrapDivideByZero
	TrapIntegerOverflow
	TrapInvalidConversion
	TrapTableOutOfBounds
	TrapIndirectNull
	TrapIndirectType
	TrapMemoryOutOfBounds
	TrapNullReference
	TrapUnaligned
	TrapStackOverflow
)
