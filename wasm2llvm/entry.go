package wasm2llvm

import (
	"fmt"
	"strings"
)

// Ways between the guest's calling convention and C's. A host function gets the pointer that stands
// beside its address in the import's slot, and then the arguments.

func (t *translation) attributes() string {
	if t.unwinds() {
		return "#1"
	}
	return "#0"
}

// wrappers defines the guest's side of imported functions.
func (d *description) wrappers() {
	for i := range d.importedFuncs {
		t := d.funcType(uint32(i))
		if d.side && !d.declared[uint32(i)] && d.start != i { // calls go straight to the program's code
			continue
		}
		name := d.function(uint32(i))
		d.unit.defined[name] = true
		var params, args []string
		for k, p := range t.Params {
			params = append(params, fmt.Sprintf("%s %%p%d", d.llvm(p), k))
			args = append(args, fmt.Sprintf(", %s %%p%d", d.llvm(p), k))
		}
		params = append(params, "ptr swiftself %base")
		d.line("define hidden %s %s(%s) %s {", d.result(t), name, strings.Join(params, ", "), d.attributes())
		if d.side {
			d.sideWrapper(uint32(i), t)
			continue
		}
		d.line("  %%slot = getelementptr i8, ptr %%base, i64 %d", d.layout.imports[i])
		d.line("  %%code = load ptr, ptr %%slot%s", inState)
		d.line("  %%with = getelementptr i8, ptr %%slot, i64 8\n  %%host = load ptr, ptr %%with%s", inState)
		d.returnCall(t, fmt.Sprintf("%%code(ptr %%host%s)", strings.Join(args, "")))
	}
}

func (d *description) returnCall(t FuncType, call string) {
	if len(t.Results) == 0 {
		d.line("  call void %s\n  ret void\n}", call)
		return
	}
	d.line("  %%r = call %s %s\n  ret %s %%r\n}", d.result(t), call, d.result(t))
}

// direct defines the function by which C and other modules call one of the guest's: result f(base,
// arguments...).
func (d *description) direct(i uint32) string {
	name := d.name("direct.%d", i)
	if d.unit.defined[name] {
		return name
	}
	d.unit.defined[name] = true
	t := d.funcType(i)
	params, args := []string{"ptr %base"}, ""
	for k, p := range t.Params {
		params = append(params, fmt.Sprintf("%s %%p%d", d.llvm(p), k))
		args += fmt.Sprintf("%s %%p%d, ", d.llvm(p), k)
	}
	d.line("define hidden %s %s(%s) %s {", d.result(t), name, strings.Join(params, ", "), d.attributes())
	d.returnCall(t, fmt.Sprintf("%s(%sptr swiftself %%base)", d.function(i), args))
	return name
}

// enter defines the function by which a host calls any function alike: void f(base, values), where
// arguments are 16 bytes apart, and the results take their place. An exception that comes out of it
// goes to the runtime's wasm_uncaught.
func (d *description) enter(i uint32) string {
	name := d.name("enter.%d", i)
	if d.unit.defined[name] {
		return name
	}
	d.unit.defined[name] = true
	t := d.funcType(i)
	attributes := d.attributes()
	if d.unwinds() {
		attributes += " personality ptr " + d.runtime("wasm_personality", "i32", "...")
	}
	d.line("define hidden void %s(ptr %%base, ptr %%values) %s {", name, attributes)
	args := ""
	for k, p := range t.Params {
		d.line("  %%a%d = getelementptr i8, ptr %%values, i64 %d\n  %%p%d = load %s, ptr %%a%d, align 16", k, k*slotSize, k, d.llvm(p), k)
		args += fmt.Sprintf("%s %%p%d, ", d.llvm(p), k)
	}
	call := fmt.Sprintf("call %s %s(%sptr swiftself %%base)", d.result(t), d.function(i), args)
	if d.unwinds() {
		call = "invoke" + strings.TrimPrefix(call, "call") + " to label %returned unwind label %pad\nreturned:"
	}
	switch len(t.Results) {
	case 0:
		d.line("  %s", call)
	case 1:
		d.line("  %%r = %s\n  store %s %%r, ptr %%values, align 16", call, d.llvm(t.Results[0]))
	default:
		d.line("  %%r = %s", call)
		for k, r := range t.Results {
			d.line("  %%v%d = extractvalue %s %%r, %d\n  %%b%d = getelementptr i8, ptr %%values, i64 %d", k, d.result(t), k, k, k*slotSize)
			d.line("  store %s %%v%d, ptr %%b%d, align 16", d.llvm(r), k, k)
		}
	}
	d.line("  ret void")
	if d.unwinds() {
		d.line("pad:\n  %%landed = landingpad { ptr, i32 } catch ptr null\n  %%exception = extractvalue { ptr, i32 } %%landed, 0")
		d.line("  call void %s(ptr %%base, ptr %%exception)\n  unreachable", d.runtime("wasm_uncaught", "void", "ptr, ptr"))
	}
	d.line("}")
	return name
}
