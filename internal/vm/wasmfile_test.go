package vm

import (
	"bytes"
	"os"
	"testing"
)

// testSide returns a side module that a linker made: the sample extension.
func testSide(t testing.TB) []byte {
	b, err := os.ReadFile("../../testdata/extension/sample.so")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseSide(t *testing.T) {
	f, err := parseWasm(testSide(t))
	if err != nil {
		t.Fatal(err)
	}
	if f.dylink == nil || f.dylink.memSize == 0 || f.memories+f.tables != 0 {
		t.Errorf("%+v, dylink %+v", f, f.dylink)
	}
	if e, ok := f.exports["sample_counted"]; !ok || e.kind != kindFunc {
		t.Errorf("exports %v", f.exports)
	}
}

// FuzzParseWasm: whatever the bytes, parsing ends, without a panic, and takes no more memory than they deserve.
func FuzzParseWasm(f *testing.F) {
	code := testSide(f)
	f.Add(code)
	f.Add(code[:len(code)/2])
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x00\x0f\x08dylink.0\x01\x04\x40\x05\x02\x00"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x02\x06\xff\xff\xff\xff\x0f\x00"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x09\x0a\x01\x00\x41\x80\x80\x80\x80\x78\x0b\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := parseWasm(b)
		if err == nil && len(w.imports)+len(w.exports)+len(w.slots)+len(w.globals) > len(b) {
			t.Errorf("%d bytes gave %d imports, %d exports, %d slots", len(b), len(w.imports), len(w.exports), len(w.slots))
		}
		if !bytes.HasPrefix(b, []byte("\x00asm")) && err == nil {
			t.Error("no error")
		}
	})
}

func TestWithoutFunctions(t *testing.T) {
	code := testSide(t)
	full, err := parseWasm(code)
	if err != nil {
		t.Fatal(err)
	}
	less, err := withoutFunctions(code, "sample_counted")
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseWasm(less)
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range full.exports {
		_, kept := got.exports[name]
		if want := e.kind != kindFunc || name == "sample_counted"; kept != want {
			t.Errorf("%s, a %v: kept is %v", name, e.kind, kept)
		}
	}
	if len(less) >= len(code) || len(got.imports) != len(full.imports) || len(got.slots) != len(full.slots) {
		t.Errorf("%d bytes of %d, %d imports of %d, %d slots of %d", len(less), len(code),
			len(got.imports), len(full.imports), len(got.slots), len(full.slots))
	}
	again, err := withoutFunctions(less, "sample_counted")
	if err != nil || !bytes.Equal(again, less) {
		t.Errorf("the second time it changed, or %v", err)
	}
	if _, err := withoutFunctions(code[:len(code)/2], ""); err == nil {
		t.Error("no error for half a module")
	}
}
