package wasmfile_test

import (
	"bytes"
	"errors"
	"testing"

	"nself.org/embeddedpg/internal/wasmfile"
)

func TestNative(t *testing.T) {
	bare := []byte("\x00asm\x01\x00\x00\x00\x01\x04\x01\x60\x00\x00")
	code := bare
	for _, c := range []struct{ processor, native string }{{"x86_64", "old"}, {"aarch64", "arms"}, {"x86_64", "legs"}} {
		var err error
		if code, err = wasmfile.WithNative(code, c.processor, []byte(c.native)); err != nil {
			t.Fatal(err)
		}
	}
	for processor, want := range map[string]string{"x86_64": "legs", "aarch64": "arms", "riscv64": ""} {
		got, native, err := wasmfile.Native(code, processor)
		if err != nil || !bytes.Equal(got, bare) || string(native) != want {
			t.Errorf("%s: %q, %q, %v", processor, got, native, err)
		}
	}
	if f, err := wasmfile.Parse(code); err != nil || f == nil {
		t.Errorf("parse: %v", err)
	}
	// Native code of a module that has changed since is none.
	changed := bytes.Clone(code)
	changed[len(bare)-1] = 1
	if got, native, err := wasmfile.Native(changed, "x86_64"); err != nil || native != nil || len(got) != len(bare) {
		t.Errorf("changed module: %q, %v", native, err)
	}
	for name, code := range map[string][]byte{
		"empty": nil, "text": []byte("#!/bin/sh\n"), "cut": code[:len(code)-1], "section behind": append(bytes.Clone(code), 1, 1, 0),
	} {
		if _, _, err := wasmfile.Native(code, "x86_64"); err == nil || (name == "text") != errors.Is(err, wasmfile.ErrNotWasm) && name != "empty" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
