package wasm2llvm_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"nself.org/embeddedpg/wasm2llvm"
)

// module makes a binary module of sections: the ID, and the content of each.
func module(sections ...string) []byte {
	b := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range sections {
		b = append(append(b, s[0], byte(len(s)-1)), s[1:]...)
	}
	return b
}

// body is a code section of one function without locals.
func body(code string) string {
	return "\x0a\x01" + string(rune(len(code)+2)) + "\x00" + code + "\x0b"
}

// Sections that the tests share: the type () -> i32, the type () -> (), a function of the first
// type, and a memory.
const (
	numberType = "\x01\x01\x60\x00\x01\x7f"
	emptyType  = "\x01\x01\x60\x00\x00"
	function   = "\x03\x01\x00"
	memory     = "\x05\x01\x00\x01"
)

func translate(wasm []byte, o wasm2llvm.Options) (string, error) {
	m, err := wasm2llvm.Parse(wasm)
	if err != nil {
		return "", err
	}
	u := wasm2llvm.NewUnit(o)
	for i := range m.Functions() {
		if err := u.Function(m, i, o); err != nil {
			return "", err
		}
	}
	if err := u.Describe(m, o); err != nil {
		return "", err
	}
	var b bytes.Buffer
	_, err = u.WriteTo(&b)
	return b.String(), err
}

func TestRefused(t *testing.T) {
	for feature, wasm := range map[string][]byte{
		"return_call":                  module(emptyType, function, body("\x12\x00")),
		"return_call_indirect":         module(emptyType, function, body("\x41\x00\x13\x00\x00")),
		"call_ref":                     module(emptyType, function, body("\x14\x00")),
		"memory.atomic.notify":         module(emptyType, function, memory, body("\x41\x00\x41\x00\xfe\x00\x02\x00\x1a")),
		"memory.atomic.wait32":         module(emptyType, function, memory, body("\x41\x00\x41\x00\x42\x00\xfe\x01\x02\x00\x1a")),
		"a 64-bit memory":              module("\x05\x01\x04\x01"),
		"with multiple memories":       module("\x05\x02\x00\x01\x00\x01"),
		"the relaxed vector proposal":  module(emptyType, function, body("\xfd\x80\x02")),
		"garbage collection proposal":  module("\x01\x01\x5f\x00"),
		"older exception handling":     module(emptyType, function, body("\x06\x40\x0b")),
		"a typed function reference":   module("\x01\x01\x60\x01\x64\x00\x00"),
		"a table with an initializer":  module("\x04\x01\x40\x00\x70\x00\x01\xd0\x70\x0b"),
		"the wide arithmetic proposal": module(emptyType, function, body("\xfc\x13")),
	} {
		var refused *wasm2llvm.UnsupportedError
		if _, err := translate(wasm, wasm2llvm.Options{}); !errors.As(err, &refused) {
			t.Errorf("%s: %v", feature, err)
		} else if !strings.Contains(refused.Feature, feature) {
			t.Errorf("%s is refused as %q", feature, refused.Feature)
		}
	}
}

func TestInvalid(t *testing.T) {
	for name, wasm := range map[string][]byte{
		"no module":             []byte("PK\x03\x04"),
		"cut short":             module(numberType, function, body("\x41\x00"))[:20],
		"wrong result":          module(numberType, function, body("\x42\x00")),
		"no result":             module(numberType, function, body("")),
		"operand missing":       module(numberType, function, body("\x41\x00\x6a")),
		"value left":            module(emptyType, function, body("\x41\x00")),
		"unknown local":         module(numberType, function, body("\x20\x07")),
		"unknown function":      module(emptyType, function, body("\x10\x07")),
		"unknown label":         module(emptyType, function, body("\x0c\x07")),
		"no memory":             module(numberType, function, body("\x41\x00\x28\x02\x00")),
		"alignment":             module(numberType, function, memory, body("\x41\x00\x28\x03\x00")),
		"unknown opcode":        module(emptyType, function, body("\xff")),
		"dead code, wrong type": module(emptyType, function, body("\x00\x42\x00\x41\x00\x6a\x1a")),
	} {
		var wrong *wasm2llvm.InvalidError
		if _, err := translate(wasm, wasm2llvm.Options{}); !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What the code promises to a host and to a linker.
func TestText(t *testing.T) {
	wasm := module(numberType, "\x02\x01\x01m\x01f\x00\x00", function, memory, "\x07\x01\x03a@b\x00\x01", body("\x10\x00\x28\x02\x08"))
	text, err := translate(wasm, wasm2llvm.Options{Prefix: "p."})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`define hidden i32 @"p.f1.a_b"(ptr swiftself %base)`, `@"p.wasm_module" = constant`, "load i32, ptr"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	exact, err := translate(wasm, wasm2llvm.Options{Exact: true, StackDepth: "m.f"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"load volatile i32", "llvm.read_register"} {
		if !strings.Contains(exact, want) {
			t.Errorf("no %q in\n%s", want, exact)
		}
	}
}

func TestTypeIDs(t *testing.T) {
	types := []wasm2llvm.ValType{wasm2llvm.I32, wasm2llvm.I64, wasm2llvm.F32, wasm2llvm.F64, wasm2llvm.V128, wasm2llvm.FuncRef, wasm2llvm.ExternRef, wasm2llvm.ExnRef}
	seen := map[uint32]wasm2llvm.FuncType{}
	add := func(f wasm2llvm.FuncType) {
		if other, ok := seen[f.ID()]; ok || f.ID() == 0 {
			t.Errorf("%v and %v have the ID %d", f, other, f.ID())
		}
		seen[f.ID()] = f
	}
	for _, a := range append([]wasm2llvm.ValType{0}, types...) {
		for _, b := range types {
			for _, c := range append([]wasm2llvm.ValType{0}, types...) {
				f := wasm2llvm.FuncType{Params: []wasm2llvm.ValType{b}}
				if a != 0 {
					f.Params = []wasm2llvm.ValType{a, b}
				}
				if c != 0 {
					f.Results = []wasm2llvm.ValType{c}
				}
				add(f)
			}
		}
	}
	long := wasm2llvm.FuncType{Params: make([]wasm2llvm.ValType, 40)}
	for i := range long.Params {
		long.Params[i] = types[i%len(types)]
	}
	add(long)
	long.Results = types[:1]
	add(long)
}

// FuzzTranslate feeds any bytes: they are translated, refused or invalid, and never anything else.
func FuzzTranslate(f *testing.F) {
	f.Add(module(numberType, "\x02\x01\x01m\x01f\x00\x00", function, memory, "\x07\x01\x03a@b\x00\x01", body("\x10\x00\x28\x02\x08")))
	f.Add(module(emptyType, function, "\x0d\x01\x00\x00", body("\x02\x40\x1f\x40\x01\x00\x00\x00\x08\x00\x0b\x0b")))
	f.Add(module(emptyType, function, "\x04\x01\x70\x01\x04\x08", "\x09\x01\x00\x41\x00\x0b\x01\x00", body("\x41\x01\x11\x00\x00")))
	f.Add(module(emptyType, function, memory, "\x0c\x01", body("\x41\x00\x41\x00\x41\x00\xfc\x08\x00\x00"), "\x0b\x01\x01\x02ab"))
	f.Fuzz(func(t *testing.T, wasm []byte) {
		_, err := translate(wasm, wasm2llvm.Options{})
		var refused *wasm2llvm.UnsupportedError
		var wrong *wasm2llvm.InvalidError
		if err != nil && !errors.As(err, &refused) && !errors.As(err, &wrong) {
			t.Error(err)
		}
	})
}
