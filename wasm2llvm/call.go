package wasm2llvm

import (
	"fmt"
	"strings"
)

func (f *function) arguments(v []operand) string {
	var b strings.Builder
	for _, x := range v {
		fmt.Fprintf(&b, "%s %s, ", f.llvm(x.typ), x.s)
	}
	return b.String()
}

// call calls a function of the guest's calling convention.
func (f *function) call(callee string, t FuncType, v []operand) {
	result := ""
	if len(t.Results) > 0 {
		f.last++
		result = fmt.Sprintf("%%t%d", f.last)
	}
	call := fmt.Sprintf("%s %s(%sptr swiftself %%base)", f.result(t), callee, f.arguments(v))
	if f.unwinds() {
		f.invoke(result, call)
	} else if result != "" {
		f.line("%s = call %s", result, call)
	} else {
		f.line("call %s", call)
	}
	f.pushResult(result, t)
}

func (f *function) pushResult(result string, t FuncType) {
	if len(t.Results) == 1 {
		f.push(result, t.Results[0])
		return
	}
	for i, r := range t.Results {
		f.push(f.do("extractvalue %s %s, %d", f.result(t), result, i), r)
	}
}

func (f *function) callDirect() {
	i := f.r.u32()
	t := f.funcType(i)
	v := f.popAll(t.Params)
	if int(i) < f.importedFuncs && f.stackDepth(i) {
		f.pushStackDepth()
		return
	}
	if f.side && int(i) < f.importedFuncs {
		f.call(f.importedFunction(i), t, v)
		return
	}
	f.call(f.function(i), t, v)
}

// stackDepth reports whether an import is Options.StackDepth.
func (t *translation) stackDepth(i uint32) bool {
	for _, im := range t.imports {
		if im.kind == kindFunc && im.index == i {
			ft := t.funcType(i)
			return t.StackDepth != "" && im.module+"."+im.name == t.StackDepth && len(ft.Params) == 0 && len(ft.Results) == 1 && ft.Results[0] == I32
		}
	}
	return false
}

func (f *function) pushStackDepth() {
	sp := f.do("call i64 %s(metadata !8)", f.intrinsic("llvm.read_register.i64", "i64", "metadata"))
	top := f.do("load i64, ptr %s%s", f.fixed(offsetStackTop), inState)
	f.push(f.do("trunc i64 %s to i32", f.do("sub i64 %s, %s", top, sp)), I32)
}

func (f *function) callIndirect() {
	t := f.typeOf(f.r.u32())
	table := f.r.u32()
	check(f.table(table).elem == FuncRef, "type mismatch: an indirect call of a table of %v", f.table(table).elem)
	index := f.pop(I32)
	v := f.popAll(t.Params)
	entry := f.tableEntry(table, index)
	id := f.do("load i32, ptr %s%s", entry, inTable)
	same := f.do("icmp eq i32 %s, %d", id, int32(t.ID()))
	good := f.newLabel("typed")
	f.badType = append(f.badType, [2]string{id, f.at})
	f.line("br i1 %s, label %%%s, label %%badtype, !prof !11", same, good)
	f.block(good)
	callee := f.do("load ptr, ptr %s%s", f.do("getelementptr i8, ptr %s, i64 8", entry), inTable)
	f.call(callee, t, v)
}
