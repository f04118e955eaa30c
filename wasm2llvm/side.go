package wasm2llvm

import "fmt"

// A side module (one with a section dylink.0) is put into an instance of another module, the
// program, and shares that one's memory, table, mutable globals, tags and functions. Its code is
// passed the same address and finds there what every instance has. Its own state lies below the
// program's, as far down as the host decides when it loads the code, once for all instances: struct
// wasm_side of internal/vm/wasm2llvm.h, a variable of the code's own, and the arrays beside it hold that
// distance and what the program has under the names that are imported. They never change once code
// runs, so that LLVM may keep what it has loaded.

// The fields of struct wasm_side.
const (
	sideState     = 0
	sideTable     = 8
	sideTableSize = 16
	sideMemoryMax = 24
	sideThrow     = 32
	sideRecord    = "{ i64, i64, i64, i64, ptr }"
)

// sideExceptionBits is the least size of a side module's exceptions: what the program throws must
// fit.
const sideExceptionBits = 128

// Imports from these modules are variables that the host makes for the side module: addresses of
// the program's data and functions.
const (
	variableData     = "GOT.mem"
	variableFunction = "GOT.func"
)

const invariant = ", !invariant.load !12"

// checkSide refuses what a linker does not make and what would need more than the program's state.
func (p *parser) checkSide() {
	switch {
	case p.memory != nil && !p.importedMemory:
		unsupported("a memory of a side module's own")
	case len(p.tables) > 1 || len(p.tables) > p.importedTables:
		unsupported("a table of a side module's own")
	case len(p.tags) > p.importedTags:
		unsupported("a tag of a side module's own")
	case p.exnBits > sideExceptionBits:
		unsupported("a side module with tags of more than %d bits", sideExceptionBits-32)
	}
	p.exnBits = sideExceptionBits
	for _, i := range p.imports {
		if i.kind == kindGlobal {
			p.variables = append(p.variables, i.module == variableData || i.module == variableFunction)
		}
	}
}

// shared reports whether a global lies in the program's state.
func (m *Module) shared(i uint32) bool {
	return m.side && int(i) < m.importedGlobals && m.globals[i].mutable && !m.variables[i]
}

// sideField loads a field of struct wasm_side.
func (f *function) sideField(typ string, at int) string {
	name := f.name("wasm_side")
	f.unit.declare(name, "%s = external hidden global %s", name, sideRecord)
	return f.do("load %s, ptr getelementptr (i8, ptr %s, i64 %d)%s", typ, name, at, invariant)
}

// sideItem loads an element of one of the arrays beside it, of size bytes each.
func (f *function) sideItem(array, typ string, size int, i uint32) string {
	name := f.name("%s", array)
	f.unit.declare(name, "%s = external hidden global i8", name)
	return f.do("load %s, ptr getelementptr (i8, ptr %s, i64 %d)%s", typ, name, size*int(i), invariant)
}

// importedFunction returns the code of a function of the program's.
func (f *function) importedFunction(i uint32) string {
	return f.sideItem("wasm_side_functions", "ptr", 8, i)
}

// distant returns the address that lies as many bytes from the memory's as a field says.
func (f *function) distant(offset string) string {
	return f.do("getelementptr i8, ptr %%base, i64 %s", offset)
}

// side defines struct wasm_side and the arrays. A function that is imported and has its address
// taken is one that calls it.
func (d *description) sideVariables() {
	for _, v := range []struct {
		name, typ string
		n         int
	}{
		{"wasm_side_functions", "ptr", d.importedFuncs},
		{"wasm_side_globals", "i64", d.importedGlobals},
		{"wasm_side_tags", "i32", d.importedTags},
	} {
		name := d.name("%s", v.name)
		d.unit.defined[name] = true
		d.line("%s = hidden global [%d x %s] zeroinitializer, align 16", name, v.n, v.typ)
	}
	name := d.name("wasm_side")
	d.unit.defined[name] = true
	d.line("%s = hidden global %s zeroinitializer, align 16", name, sideRecord)
}

// sideWrapper writes the body of a function that calls the imported one.
func (d *description) sideWrapper(i uint32, t FuncType) {
	d.line("  %%code = load ptr, ptr getelementptr (i8, ptr %s, i64 %d)%s", d.name("wasm_side_functions"), 8*i, invariant)
	args := ""
	for k, p := range t.Params {
		args += fmt.Sprintf("%s %%p%d, ", d.llvm(p), k)
	}
	d.returnCall(t, fmt.Sprintf("%%code(%sptr swiftself %%base)", args))
}
