//go:build cgo

package vm_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"nself.org/embeddedpg/internal/vm"
	"nself.org/embeddedpg/internal/wasm2llvm"
	"nself.org/embeddedpg/tests/wasm2llvm/toolchain"
)

// With EMBEDDEDPG_TEST_NATIVE=1 every program of these tests runs as native code, made for it; that
// needs LLVM from EMBEDDEDPG_DEBIAN_ROOT.
var chain = sync.OnceValues(func() (*toolchain.Toolchain, error) {
	return toolchain.New(os.Getenv(toolchain.RootVariable), os.Getenv("EMBEDDEDPG_NATIVE"))
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
func compileNative(t testing.TB, wasm []byte) {
	t.Helper()
	c, err := chain()
	if err != nil {
		t.Fatal(err)
	}
	so := filepath.Join(os.Getenv("EMBEDDEDPG_NATIVE"), hashOf(wasm)+".so")
	if _, err := os.Stat(so); err == nil {
		return
	}
	options := wasm2llvm.Options{Exact: true, StackDepth: "env.stackdepth"}
	work, err := os.MkdirTemp(os.Getenv("EMBEDDEDPG_NATIVE"), "work-") // some tests become another user
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(work)
	if err := c.Image(so, work, wasm, options); err != nil {
		t.Fatal(err)
	}
}

// TestNativeSideModules: a linkable program runs as native code, and refuses side modules by an error.
func TestNativeSideModules(t *testing.T) {
	if !runsNative() {
		t.Skip("needs native code: set EMBEDDEDPG_TEST_NATIVE")
	}
	b := assemble(t, "(module "+imports+`(memory (export "memory") 1) (func (export "_start")))`)
	compileNative(t, b)
	m, err := newEngine(t).Load(t.Name(), b, hashOf(b), vm.LoadOptions{SideModules: true})
	if err != nil {
		t.Fatal(err)
	}
	h := newHost()
	start(t, m, h)
	if err := h.wait(t); err != nil {
		t.Error(err)
	}
	if _, err := m.Side("side", assemble(t, "(module)")); err == nil || !strings.Contains(err.Error(), "EMBEDDEDPG_NATIVE") {
		t.Errorf("side module: %v", err)
	}
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
			_, err := newEngine(t).Load(t.Name(), wasm, hashOf(wasm), vm.LoadOptions{})
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
