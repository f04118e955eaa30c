//go:build cgo

package vm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"nself.org/embeddedpg/internal/vm"
	"nself.org/embeddedpg/internal/wasmfile"
	"nself.org/embeddedpg/tests/wasm2llvm/toolchain"
	"nself.org/embeddedpg/wasm2llvm"
)

// With EMBEDDEDPG_TEST_NATIVE=1 every program of these tests runs as native code, made for it; that
// needs LLVM from EMBEDDEDPG_DEBIAN_ROOT.
var chain = sync.OnceValues(func() (*toolchain.Toolchain, error) {
	return toolchain.New(os.Getenv(toolchain.RootVariable), os.Getenv("EMBEDDEDPG_NATIVE"), toolchain.Own())
})

func runsNative() bool { return os.Getenv("EMBEDDEDPG_TEST_NATIVE") != "" }

func TestMain(m *testing.M) {
	if !runsNative() {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "vm-native-")
	if err != nil {
		panic(err)
	}
	os.Setenv("EMBEDDEDPG_NATIVE", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// compileNative makes a module's native code, which Load then takes.
func compileNative(t testing.TB, wasm []byte) { makeImage(t, wasm, os.Getenv("EMBEDDEDPG_NATIVE")) }

// images are what packedNative has read: some tests become another user, who cannot read the files.
var images sync.Map

// packedNative returns a module that there is as WebAssembly and, where these tests run native code, as that, packed as in a
// program.
func packedNative(t testing.TB, wasm []byte) vm.Code {
	t.Helper()
	code := codeOf(wasm)
	if !runsNative() {
		return code
	}
	known, ok := images.Load(code.Hash)
	if !ok {
		dir := filepath.Join(os.Getenv("EMBEDDEDPG_NATIVE"), "packed")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(makeImage(t, wasm, dir))
		if err != nil {
			t.Fatal(err)
		}
		known, _ = images.LoadOrStore(code.Hash, b)
	}
	image := known.([]byte)
	unpack := func(b []byte) error { copy(b, image); return nil }
	code.Native = &vm.NativeCode{ID: hashOf(image), Size: int64(len(image)), Unpack: unpack}
	return code
}

// makeImage makes a module's native code in a folder, unless it is there, and returns its path.
func makeImage(t testing.TB, wasm []byte, dir string) string {
	t.Helper()
	c, err := chain()
	if err != nil {
		t.Fatal(err)
	}
	so := filepath.Join(dir, hashOf(wasm)+".so")
	if _, err := os.Stat(so); err == nil {
		return so
	}
	if err := c.Image(so, workFolder(t), wasm, nativeOptions); err != nil {
		t.Fatal(err)
	}
	return so
}

// runner is what runs the programs of these tests.
func runner() vm.Runner {
	if runsNative() {
		return vm.Native
	}
	return vm.Wasmtime
}

var nativeOptions = wasm2llvm.Options{Exact: true, StackDepth: "env.stackdepth", Symbols: true}

// processor is this one's name in side modules.
var processor = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]

// workFolder is one that a test which becomes another user can write to as well.
func workFolder(t testing.TB) string {
	work, err := os.MkdirTemp(os.Getenv("EMBEDDEDPG_NATIVE"), "work-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(work) })
	return work
}

// sideModule assembles a side module, with its native code where programs have theirs. A module that cannot be
// translated is refused for another reason before its code matters.
func sideModule(t testing.TB, wat string) []byte {
	t.Helper()
	code := assemble(t, "(module "+wat+")")
	if !runsNative() {
		return code
	}
	c, err := chain()
	if err != nil {
		t.Fatal(err)
	}
	work := workFolder(t)
	so := filepath.Join(work, "side.so")
	var invalid *wasm2llvm.InvalidError
	var unsupported *wasm2llvm.UnsupportedError
	switch err := c.Image(so, work, code, nativeOptions); {
	case errors.As(err, &invalid) || errors.As(err, &unsupported):
		return code
	case err != nil:
		t.Fatal(err)
	}
	native, err := os.ReadFile(so)
	if err != nil {
		t.Fatal(err)
	}
	code, err = wasmfile.WithNative(code, processor, native)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// TestSideWithoutNative: a native program refuses a side module that has no native code, or whose code has changed since.
func TestSideWithoutNative(t *testing.T) {
	if !runsNative() {
		t.Skip("needs native code: set EMBEDDEDPG_TEST_NATIVE")
	}
	h := startProgram(t, newEngine(t))
	defer h.end()
	code := sideModule(t, usual)
	bare := assemble(t, "(module "+usual+")")
	changed := append(assemble(t, "(module "+usual+`(@custom "x" "y"))`), code[len(bare):]...)
	for name, c := range map[string][]byte{"bare": bare, "changed": changed} {
		if _, err := h.m.Side("side.so", c); err == nil || !strings.Contains(err.Error(), "no native code for") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := h.m.Side("side.so", code); err != nil {
		t.Error(err)
	}
}

// TestCheckSides: a directory's modules are for a native program only if all are native code that nobody else could have changed.
func TestCheckSides(t *testing.T) {
	if !runsNative() {
		t.Skip("needs native code: set EMBEDDEDPG_TEST_NATIVE")
	}
	code, bare := sideModule(t, usual), assemble(t, "(module "+usual+")")
	old := bytes.Replace(code, []byte("wasm2elf\x01"), []byte("wasm2elf\xff"), 1)
	for _, tt := range []struct {
		name, want string
		files      map[string][]byte
		mode       os.FileMode
	}{
		{"good", "", map[string][]byte{"a.so": code, "b.so": code, "a.control": nil}, 0o755},
		{"text", "", map[string][]byte{"a.so": []byte("#!/bin/sh")}, 0o755},
		{"one without", "b.so: no native code", map[string][]byte{"a.so": code, "b.so": bare}, 0o755},
		{"another format", "a.so: no native code", map[string][]byte{"a.so": old}, 0o755},
		{"written by others", "not trusted", map[string][]byte{"a.so": code}, 0o777},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, b := range tt.files {
				if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(dir, tt.mode); err != nil {
				t.Fatal(err)
			}
			bad := vm.CheckSides([]string{dir, filepath.Join(dir, "gone")})
			if tt.want == "" && len(bad) != 0 || tt.want != "" && (len(bad) != 1 || !strings.Contains(bad[0].Error(), tt.want)) {
				t.Errorf("%v, want %q", bad, tt.want)
			}
		})
	}
}

// TestSideTypes: types that differ, but have equal hashes, cannot be told apart by an indirect call.
func TestSideTypes(t *testing.T) {
	if !runsNative() {
		t.Skip("needs native code: set EMBEDDEDPG_TEST_NATIVE")
	}
	one, two := collision(t)
	h := startOf(t, loadLinkable(t, newEngine(t), program+one))
	defer h.end()
	if _, err := h.m.Side("same.so", sideModule(t, usual+one)); err != nil {
		t.Error(err)
	}
	if _, err := h.m.Side("other.so", sideModule(t, usual+two)); err == nil || !strings.Contains(err.Error(), "same hash") {
		t.Errorf("error %v", err)
	}
}

// collision returns two types, as text, with equal IDs.
func collision(t *testing.T) (string, string) {
	types := []wasm2llvm.ValType{wasm2llvm.I32, wasm2llvm.I64, wasm2llvm.F32, wasm2llvm.F64}
	seen := map[uint32]string{}
	for n := range 1 << 20 {
		f := wasm2llvm.FuncType{}
		text := "(type (func (param"
		for k := range 12 {
			p := types[n>>(2*(k%10))&3]
			f.Params = append(f.Params, p)
			text += " " + p.String()
		}
		text += ")))"
		if other, ok := seen[f.ID()]; ok {
			return other, text
		}
		seen[f.ID()] = text
	}
	t.Fatal("no two types with equal IDs")
	return "", ""
}

// TestNativeForeign: what is not an image of this module, for this processor and in today's format, is refused.
func TestNativeForeign(t *testing.T) {
	if !runsNative() {
		t.Skip("needs native code: set EMBEDDEDPG_TEST_NATIVE")
	}
	wasm := assemble(t, "(module "+imports+`(memory (export "memory") 1) (data (i32.const 8) "x") (func (export "_start")))`)
	compileNative(t, wasm)
	file := filepath.Join(os.Getenv("EMBEDDEDPG_NATIVE"), hashOf(wasm)+".so")
	image, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	info := bytes.Index(image, []byte("wasm2elf"))
	sum := bytes.Index(image, hashBytes(wasm))
	if info < 0 || sum < 0 {
		t.Fatal("no entry, or no hash of the module")
	}
	for _, tt := range []struct {
		name, want string
		change     func(b []byte) []byte
	}{
		{"as it is", "", func(b []byte) []byte { return b }},
		{"empty", "no ELF header", func(b []byte) []byte { return nil }},
		{"text", "no ELF header", func(b []byte) []byte { return []byte("#!/bin/sh") }},
		{"headers only", "cut short", func(b []byte) []byte { return b[:1024] }},
		{"another processor", "another processor", func(b []byte) []byte { b[18]++; return b }},
		{"a program", "its headers", func(b []byte) []byte { b[16] = 2; return b }},
		{"code that can be written", "can be written", func(b []byte) []byte { return setFlags(b, 5, 7) }},
		{"no code", "no code", func(b []byte) []byte { return setFlags(b, 5, 4) }},
		{"no entry", "its entry", func(b []byte) []byte { clear(b[24:32]); return b }},
		{"another format", "another format", func(b []byte) []byte { b[info+8]++; return b }},
		{"another module", "another module", func(b []byte) []byte { b[sum]++; return b }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(file, tt.change(bytes.Clone(image)), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := newEngine(t).Load(t.Name(), codeOf(wasm), vm.LoadOptions{})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// setFlags gives the segments of an ELF file that have one set of permissions another.
func setFlags(b []byte, from, to uint32) []byte {
	headers, n := binary.LittleEndian.Uint64(b[32:]), binary.LittleEndian.Uint16(b[56:])
	for at := headers; n > 0; at, n = at+56, n-1 {
		if flags := b[at+4:]; binary.LittleEndian.Uint32(flags) == from {
			binary.LittleEndian.PutUint32(flags, to)
		}
	}
	return b
}
