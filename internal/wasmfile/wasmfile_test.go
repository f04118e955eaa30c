package wasmfile

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
	f, err := Parse(testSide(t))
	if err != nil {
		t.Fatal(err)
	}
	if f.Dylink == nil || f.Dylink.MemSize == 0 || f.Memories+f.Tables != 0 {
		t.Errorf("%+v, dylink %+v", f, f.Dylink)
	}
	if e, ok := f.Exports["sample_counted"]; !ok || e.Kind != Func {
		t.Errorf("exports %v", f.Exports)
	}
}

// FuzzParse: whatever the bytes, parsing ends, without a panic, and takes no more memory than they deserve.
func FuzzParse(f *testing.F) {
	code := testSide(f)
	f.Add(code)
	f.Add(code[:len(code)/2])
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x00\x0f\x08dylink.0\x01\x04\x40\x05\x02\x00"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x02\x06\xff\xff\xff\xff\x0f\x00"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x09\x0a\x01\x00\x41\x80\x80\x80\x80\x78\x0b\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := Parse(b)
		if err == nil && len(w.Imports)+len(w.Exports)+len(w.Slots)+len(w.Globals) > len(b) {
			t.Errorf("%d bytes gave %d imports, %d exports, %d slots", len(b), len(w.Imports), len(w.Exports), len(w.Slots))
		}
		if !bytes.HasPrefix(b, []byte("\x00asm")) && err == nil {
			t.Error("no error")
		}
	})
}

func TestWithoutFunctions(t *testing.T) {
	code := testSide(t)
	full, err := Parse(code)
	if err != nil {
		t.Fatal(err)
	}
	less, err := WithoutFunctions(code, "sample_counted")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(less)
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range full.Exports {
		_, kept := got.Exports[name]
		if want := e.Kind != Func || name == "sample_counted"; kept != want {
			t.Errorf("%s, a %v: kept is %v", name, e.Kind, kept)
		}
	}
	if len(less) >= len(code) || len(got.Imports) != len(full.Imports) || len(got.Slots) != len(full.Slots) {
		t.Errorf("%d bytes of %d, %d imports of %d, %d slots of %d", len(less), len(code),
			len(got.Imports), len(full.Imports), len(got.Slots), len(full.Slots))
	}
	again, err := WithoutFunctions(less, "sample_counted")
	if err != nil || !bytes.Equal(again, less) {
		t.Errorf("the second time it changed, or %v", err)
	}
	if _, err := WithoutFunctions(code[:len(code)/2], ""); err == nil {
		t.Error("no error for half a module")
	}
}
