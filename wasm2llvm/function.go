package wasm2llvm

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Function translates the i-th function that the module defines.
func (u *Unit) Function(m *Module, i int, o Options) (err error) {
	f := &function{
		translation: u.translate(m, o), index: uint32(i + m.importedFuncs), r: reader{b: m.bodies[i]},
		allocas: new(bytes.Buffer), code: new(bytes.Buffer), pads: new(bytes.Buffer),
	}
	defer catch(&err, func() string { return fmt.Sprintf("%s at byte %d", m.where(f.index), f.r.p) })
	f.translate()
	return nil
}

// function translates one function: it reads the instructions one by one, as the specification's
// validation algorithm does, with the types on a stack of operands and the blocks on a stack of
// frames, and writes LLVM's beside it. Locals and the results of blocks are allocas, which LLVM
// makes into registers. Code that cannot be reached is translated like any other, into basic blocks
// that nothing branches to.
type function struct {
	*translation
	index  uint32
	typ    FuncType
	r      reader
	locals []ValType

	allocas, code, pads *bytes.Buffer
	last                int    // number of the last temporary or label
	at                  string // the basic block being written

	stack  []operand
	frames []frame

	catches      bool // has a landing pad
	hasException bool // has the variable %exception
	traps        map[Trap]bool
	badType      [][2]string // where an indirect call found another type: the type's name and the block
}

type operand struct {
	s   string // a temporary or a constant
	typ ValType
}

// frame is a block, or the function itself.
type frame struct {
	op              byte
	params, results []ValType
	height          int
	unreachable     bool

	label    string   // where a branch to the frame goes
	slots    []string // where a branch leaves its values: those of branch
	branch   []ValType
	ends     []string  // slots of the results; the same slots unless this is a loop
	elseAt   string    // of an if: the label of the other branch
	entry    []operand // of an if: its parameters
	dispatch string    // the block that finds the handler of an exception; "": none in this function
	pad      string    // the landing pad before it
}

func (f *function) translate() {
	f.typ = f.funcType(f.index)
	f.traps = map[Trap]bool{}
	f.locals = append([]ValType(nil), f.typ.Params...)
	f.readLocals()
	params := f.parameters()
	f.enter(frame{label: "exit", results: f.typ.Results, branch: f.typ.Results})
	for len(f.frames) > 0 {
		f.instruction()
	}
	check(f.r.done(), "unexpected content after the end of the function")
	attributes := "#0"
	if f.unwinds() {
		attributes = "#1"
	}
	if f.catches {
		attributes += " personality ptr " + f.runtime("wasm_personality", "i32", "...")
	}
	name := f.function(f.index)
	f.unit.defined[name] = true
	fmt.Fprintf(&f.unit.body, "define hidden %s %s(%s) %s {\nentry:\n%s%s%s", f.result(f.typ), name, params, attributes,
		f.allocas.String(), f.code.String(), f.pads.String())
	f.writeTraps()
	f.unit.body.WriteString("}\n")
}

// unwinds reports whether an exception may pass through the module's functions.
func (m *Module) unwinds() bool { return len(m.tags) > 0 || m.side }

func (f *function) readLocals() {
	total := uint64(len(f.locals))
	for n := f.r.count(); n > 0; n-- {
		k := f.r.u32()
		total += uint64(k)
		check(total < 1<<32, "too many locals")
		if total > 50_000 {
			unsupported("a function of %d locals", total)
		}
		t := f.r.valType()
		for ; k > 0; k-- {
			f.locals = append(f.locals, t)
		}
	}
}

// parameters makes the locals and returns the function's parameter list.
func (f *function) parameters() string {
	var list []string
	for i, t := range f.locals {
		fmt.Fprintf(f.allocas, "  %%l%d = alloca %s\n", i, f.llvm(t))
		if i < len(f.typ.Params) {
			list = append(list, fmt.Sprintf("%s %%p%d", f.llvm(t), i))
			f.line("store %s %%p%d, ptr %%l%d", f.llvm(t), i, i)
		} else {
			f.line("store %s %s, ptr %%l%d", f.llvm(t), zero(t), i)
		}
	}
	f.at = "entry"
	return strings.Join(append(list, "ptr swiftself %base"), ", ")
}

func zero(t ValType) string {
	if t == I32 || t == I64 || t.reference() {
		return "0"
	}
	return "zeroinitializer"
}

// ---- writing ----

func (f *function) line(format string, args ...any) {
	fmt.Fprintf(f.code, "  "+format+"\n", args...)
}

// do writes an instruction that has a result, and returns that.
func (f *function) do(format string, args ...any) string {
	f.last++
	t := fmt.Sprintf("%%t%d", f.last)
	f.code.WriteString("  " + t + " = ")
	fmt.Fprintf(f.code, format+"\n", args...)
	return t
}

func (f *function) newLabel(what string) string {
	f.last++
	return fmt.Sprintf("%s%d", what, f.last)
}

// block begins a basic block.
func (f *function) block(label string) {
	fmt.Fprintf(f.code, "%s:\n", label)
	f.at = label
}

func (f *function) alloca(t ValType) string {
	f.last++
	fmt.Fprintf(f.allocas, "  %%t%d = alloca %s\n", f.last, f.llvm(t))
	return fmt.Sprintf("%%t%d", f.last)
}

// trapIf writes a branch to a trap, if the condition (an i1) holds.
func (f *function) trapIf(condition string, t Trap) {
	f.traps[t] = true
	next := f.newLabel("ok")
	f.line("br i1 %s, label %%trap%d, label %%%s%s", condition, t, next, unlikely)
	f.block(next)
}

// trap writes a branch to a trap; what follows is never reached.
func (f *function) trap(t Trap) {
	f.traps[t] = true
	f.line("br label %%trap%d", t)
	f.setUnreachable()
}

// writeTraps writes the basic blocks that trap, one for each reason.
func (f *function) writeTraps() {
	b := &f.unit.body
	if len(f.badType) > 0 {
		f.traps[TrapIndirectNull], f.traps[TrapIndirectType] = true, true
		var from []string
		for _, x := range f.badType {
			from = append(from, fmt.Sprintf("[ %s, %%%s ]", x[0], x[1]))
		}
		fmt.Fprintf(b, "badtype:\n  %%badtype.id = phi i32 %s\n  %%badtype.null = icmp eq i32 %%badtype.id, 0\n", strings.Join(from, ", "))
		fmt.Fprintf(b, "  br i1 %%badtype.null, label %%trap%d, label %%trap%d\n", TrapIndirectNull, TrapIndirectType)
	}
	for t := TrapUnreachable; t <= TrapStackOverflow; t++ {
		if f.traps[t] {
			fmt.Fprintf(b, "trap%d:\n  call void %s(i8 %d) #2\n  unreachable\n", t, f.intrinsic("llvm.ubsantrap", "void", "i8 immarg"), t)
		}
	}
}

// ---- the stack of operands ----

func (f *function) top() *frame { return &f.frames[len(f.frames)-1] }

func (f *function) push(s string, t ValType) { f.stack = append(f.stack, operand{s, t}) }

// popAny pops an operand of any type. Where code is never reached there is always one more, of an
// unknown type.
func (f *function) popAny() operand {
	fr := f.top()
	if len(f.stack) == fr.height {
		check(fr.unreachable, "type mismatch: an operand is missing")
		return operand{"poison", unknown}
	}
	v := f.stack[len(f.stack)-1]
	f.stack = f.stack[:len(f.stack)-1]
	return v
}

func (f *function) pop(want ValType) string {
	v := f.popAny()
	if v.typ == unknown {
		return "poison"
	}
	check(v.typ == want, "type mismatch: %v where %v is wanted", v.typ, want)
	return v.s
}

// popAll pops operands of the types, the last one first, and returns them in the types' order.
func (f *function) popAll(types []ValType) []operand {
	out := make([]operand, len(types))
	for i := len(types) - 1; i >= 0; i-- {
		out[i] = operand{f.pop(types[i]), types[i]}
	}
	return out
}

func (f *function) pushAll(v []operand) { f.stack = append(f.stack, v...) }

func (f *function) setUnreachable() {
	fr := f.top()
	f.stack = f.stack[:fr.height]
	fr.unreachable = true
	f.block(f.newLabel("never"))
}

// literal reports whether an operand is an integer, and which.
func literal(s string) (int64, bool) {
	v, err := strconv.ParseInt(s, 10, 64)
	return v, err == nil
}
