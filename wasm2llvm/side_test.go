package wasm2llvm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"nself.org/embeddedpg/wasm2llvm"
)

const dylink = "\x00\x08dylink.0\x01\x04\x00\x00\x00\x00"

func TestSideRefused(t *testing.T) {
	table := "\x02\x01\x01e\x01t\x01\x70\x00\x01" // imports it
	for feature, wasm := range map[string][]byte{
		"a memory of a side module's own": module(dylink, "\x05\x01\x00\x01"),
		"a table of a side module's own":  module(dylink, "\x04\x01\x70\x00\x01"),
		"a tag of a side module's own":    module(dylink, emptyType, "\x0d\x01\x00\x00"),
		"tags of more than 96 bits":       module(dylink, "\x01\x01\x60\x02\x7e\x7e\x00", "\x02\x01\x01e\x01t\x04\x00\x00"),
		"table.grow in a side module":     module(dylink, emptyType, table, function, body("\xd0\x70\x41\x00\xfc\x0f\x00\x1a")),
	} {
		var refused *wasm2llvm.UnsupportedError
		if _, err := translate(wasm, wasm2llvm.Options{}); !errors.As(err, &refused) || !strings.Contains(refused.Feature, feature) {
			t.Errorf("%s: %v", feature, err)
		}
	}
}

// TestSideText: calls of imported functions go through the variables that a loader fills in, and the imports' types are told.
func TestSideText(t *testing.T) {
	wasm := module(dylink, numberType, "\x02\x01\x01e\x01f\x00\x00", function, "\x07\x01\x01g\x00\x01", body("\x10\x00"))
	text, err := translate(wasm, wasm2llvm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	id := wasm2llvm.FuncType{Results: []wasm2llvm.ValType{wasm2llvm.I32}}.ID()
	for _, want := range []string{
		`@"wasm_side_functions" = hidden global [1 x ptr]`, `load ptr, ptr getelementptr (i8, ptr @"wasm_side_functions", i64 0), !invariant.load`,
		fmt.Sprintf("i32 0, i32 0, i64 0, i32 %d, i32 0 }", id), `@"wasm_symbols" = internal constant [1 x`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestSymbols: a program's exports are listed only where Options.Symbols asks for it, sorted, with the slot that a function has.
func TestSymbols(t *testing.T) {
	wasm := module(numberType, "\x03\x02\x00\x00", "\x04\x01\x70\x00\x0a", "\x07\x02\x01b\x00\x00\x01a\x00\x01", "\x09\x01\x00\x41\x07\x0b\x01\x01",
		"\x0a\x02\x04\x00\x41\x01\x0b\x04\x00\x41\x02\x0b")
	listed, err := translate(wasm, wasm2llvm.Options{Symbols: true})
	if err != nil {
		t.Fatal(err)
	}
	a, b := strings.Index(listed, "i32 0, i32 8, i32 7, i32 trunc"), strings.Index(listed, "i32 2, i32 0, i32 0, i32 trunc")
	if a < 0 || b < a || !strings.Contains(listed, `c"a\00b\00"`) {
		t.Errorf("a at %d, b at %d in\n%s", a, b, listed)
	}
	text, err := translate(wasm, wasm2llvm.Options{})
	if err != nil || !strings.Contains(text, `@"wasm_symbols" = internal constant [0 x`) {
		t.Errorf("without the option: %v\n%s", err, text)
	}
}
