package wasm2llvm

import "fmt"

// An exception is unwound by the runtime's wasm_throw. A function that may catch it has one landing
// pad a try_table: the exception's address comes as the pad's first value, and the code behind it
// looks through the clauses; if none fits, it goes to the try_table around, or throws the exception
// again.

// tagNumber returns the number of a tag, as an i32.
func (f *function) tagNumber(i uint32) string {
	if int(i) >= f.importedTags {
		return fmt.Sprint(f.FirstTag + i - uint32(f.importedTags))
	}
	if f.side {
		return f.sideItem("wasm_side_tags", "i32", 4, i)
	}
	return f.do("load i32, ptr %s%s", f.state(f.layout.tags[i]), inState)
}

func (f *function) throw() {
	tag := f.r.u32()
	v := f.popAll(f.tagType(tag).Params)
	exn := f.llvm(ExnRef)
	packed := f.do("zext i32 %s to %s", f.tagNumber(tag), exn)
	shift := 32
	for _, x := range v {
		packed = f.do("or %s %s, %s", exn, packed, f.widen(x, shift))
		shift += x.typ.bits()
	}
	f.raise(packed)
}

// widen returns an operand's bits in an exnref, shifted to the left.
func (f *function) widen(x operand, shift int) string {
	exn, s := f.llvm(ExnRef), x.s
	bits := fmt.Sprintf("i%d", x.typ.bits())
	if t := f.llvm(x.typ); t != bits {
		s = f.do("bitcast %s %s to %s", t, s, bits)
	}
	if bits != exn {
		s = f.do("zext %s %s to %s", bits, s, exn)
	}
	return f.do("shl %s %s, %d", exn, s, shift)
}

// narrow is widen's inverse.
func (f *function) narrow(exception string, t ValType, shift int) string {
	exn := f.llvm(ExnRef)
	s := f.do("lshr %s %s, %d", exn, exception, shift)
	bits := fmt.Sprintf("i%d", t.bits())
	if bits != exn {
		s = f.do("trunc %s %s to %s", exn, s, bits)
	}
	if f.llvm(t) != bits {
		s = f.do("bitcast %s %s to %s", bits, s, f.llvm(t))
	}
	return s
}

func (f *function) throwRef() {
	exception := f.pop(ExnRef)
	f.trapIf(f.do("icmp eq %s %s, 0", f.llvm(ExnRef), exception), TrapNullReference)
	f.raise(exception)
}

// raise throws an exnref; what follows is never reached.
func (f *function) raise(exception string) {
	check(f.unwinds(), "unknown tag")
	f.line("store %s %s, ptr %s, align 16%s", f.llvm(ExnRef), exception, f.state(f.layout.exception), inState)
	f.throwStored(f.state(f.layout.exception))
	f.setUnreachable()
}

// thrower returns the runtime's function that throws; a side module uses its program's.
func (f *function) thrower() string {
	if f.side {
		return f.sideField("ptr", sideThrow)
	}
	return f.runtime("wasm_throw", "void", "ptr, ptr")
}

// throwStored throws the exception at an address.
func (f *function) throwStored(address string) {
	f.invoke("", fmt.Sprintf("void %s(ptr %%base, ptr %s)", f.thrower(), address))
	f.line("unreachable")
}

// invoke writes a call through which an exception may come.
func (f *function) invoke(result, call string) {
	if result != "" {
		result += " = "
	}
	pad := f.top().pad
	if pad == "" {
		f.line("%scall %s", result, call)
		return
	}
	next := f.newLabel("returned")
	f.line("%sinvoke %s to label %%%s unwind label %%%s", result, call, next, pad)
	f.block(next)
}

// The kinds of clauses of a try_table.
const (
	catchTag    = 0
	catchTagRef = 1
	catchAll    = 2
	catchAllRef = 3
)

type clause struct {
	kind byte
	tag  uint32
	to   frame
}

func (f *function) beginTryTable() {
	params, results := f.blockType()
	v := f.popAll(params)
	clauses := f.clauses()
	outer := *f.top()
	fr := frame{op: opTryTable, params: params, results: results, branch: results, label: f.newLabel("endtry")}
	if len(clauses) > 0 {
		fr.pad, fr.dispatch = f.newLabel("pad"), f.newLabel("dispatch")
		f.handlers(clauses, outer, fr.pad, fr.dispatch)
	}
	f.enter(fr)
	f.pushAll(v)
}

func (f *function) clauses() []clause {
	var out []clause
	for n := f.r.count(); n > 0; n-- {
		c := clause{kind: f.r.byte()}
		check(c.kind <= catchAllRef, "malformed catch clause")
		var carried []ValType
		if c.kind == catchTag || c.kind == catchTagRef {
			c.tag = f.r.u32()
			carried = append(carried, f.tagType(c.tag).Params...)
		}
		if c.kind == catchTagRef || c.kind == catchAllRef {
			carried = append(carried, ExnRef)
		}
		c.to = *f.target(f.r.u32())
		check(string(bytesOf(carried)) == string(bytesOf(c.to.branch)), "type mismatch of a catch clause")
		out = append(out, c)
	}
	return out
}

// handlers writes a try_table's landing pad and the code that finds the clause, behind the
// function's own code.
func (f *function) handlers(clauses []clause, outer frame, pad, dispatch string) {
	f.catches = true
	code, at := f.code, f.at
	f.code = f.pads
	f.block(pad)
	landed := f.do("landingpad { ptr, i32 } catch ptr null")
	address := f.do("extractvalue { ptr, i32 } %s, 0", landed)
	exception := f.do("load %s, ptr %s, align 16%s", f.llvm(ExnRef), address, inState)
	f.line("store %s %s, ptr %%exception", f.llvm(ExnRef), exception)
	f.line("br label %%%s", dispatch)
	f.block(dispatch)
	f.dispatch(clauses, outer)
	f.code, f.at = code, at
	if !f.hasException {
		f.hasException = true
		fmt.Fprintf(f.allocas, "  %%exception = alloca %s\n", f.llvm(ExnRef))
	}
}

func (f *function) dispatch(clauses []clause, outer frame) {
	exception := f.do("load %s, ptr %%exception", f.llvm(ExnRef))
	number := f.do("trunc %s %s to i32", f.llvm(ExnRef), exception)
	for _, c := range clauses {
		next := ""
		if c.kind == catchTag || c.kind == catchTagRef {
			next = f.newLabel("clause")
			caught := f.newLabel("caught")
			same := f.do("icmp eq i32 %s, %s", number, f.tagNumber(c.tag))
			f.line("br i1 %s, label %%%s, label %%%s", same, caught, next)
			f.block(caught)
			shift := 32
			for k, t := range f.tagType(c.tag).Params {
				f.line("store %s %s, ptr %s", f.llvm(t), f.narrow(exception, t, shift), c.to.slots[k])
				shift += t.bits()
			}
		}
		if c.kind == catchTagRef || c.kind == catchAllRef {
			f.line("store %s %s, ptr %s", f.llvm(ExnRef), exception, c.to.slots[len(c.to.slots)-1])
		}
		f.line("br label %%%s", c.to.label)
		if next == "" {
			return // nothing comes to the clauses behind this one
		}
		f.block(next)
	}
	if outer.dispatch != "" {
		f.line("br label %%%s", outer.dispatch)
		return
	}
	f.line("store %s %s, ptr %s, align 16%s", f.llvm(ExnRef), exception, f.state(f.layout.exception), inState)
	f.line("call void %s(ptr %%base, ptr %s)", f.thrower(), f.state(f.layout.exception))
	f.line("unreachable")
}
