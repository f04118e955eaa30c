//go:build cgo

package vm_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	wasmtime "github.com/bytecodealliance/wasmtime-go/v44"

	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vm"
)

// imports begins every test module: the ABI's two imports and a helper.
const imports = `
  (import "env" "syscall" (func $sys (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "stackdepth" (func $depth (result i32)))
`

// host is a kernel.Host made of functions; nil ones do nothing.
type host struct {
	begin   func(base unsafe.Pointer, fast *kernel.FastPath)
	syscall func(size uint64, nr int32, a *[6]int32) (int32, bool)
	detach  func()
	end     func(error)

	base  unsafe.Pointer
	fast  *kernel.FastPath
	calls atomic.Int64
	ended chan error
}

func newHost() *host { return &host{ended: make(chan error, 1)} }

func (h *host) Begin(base unsafe.Pointer, fast *kernel.FastPath) {
	h.base, h.fast = base, fast
	if h.begin != nil {
		h.begin(base, fast)
	}
}

func (h *host) Syscall(size uint64, nr int32, a *[6]int32) (int32, bool) {
	h.calls.Add(1)
	if h.syscall == nil {
		return 0, false
	}
	return h.syscall(size, nr, a)
}

func (h *host) Detach() {
	if h.detach != nil {
		h.detach()
	}
}

func (h *host) End(fault error) {
	if h.end != nil {
		h.end(fault)
	}
	h.ended <- fault
}

// wait returns what End was told.
func (h *host) wait(t testing.TB) error {
	t.Helper()
	select {
	case err := <-h.ended:
		return err
	case <-time.After(2 * time.Minute): // others may keep every processor busy
		t.Fatal("the instance does not end")
		return nil
	}
}

// memory returns n bytes of guest memory.
func (h *host) memory(addr, n uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(h.base, addr)), n)
}

// newEngine returns an engine that is closed at the end of the test, when nothing of its instances may be left.
func newEngine(t testing.TB) *vm.Engine {
	t.Helper()
	e, err := vm.New(vm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if stacks, memories := leftOver(t); stacks+memories != 0 {
			t.Errorf("left: %d stacks, %d parts of memories", stacks, memories)
		}
	})
	return e
}

func assemble(t testing.TB, wat string) []byte {
	t.Helper()
	b, err := wasmtime.Wat2Wasm(wat)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func hashOf(b []byte) string { return hex.EncodeToString(hashBytes(b)) }

// codeOf returns a module that there is as WebAssembly alone.
func codeOf(wasm []byte) vm.Code {
	return vm.Code{Hash: hashOf(wasm), Wasm: func() ([]byte, error) { return wasm, nil }}
}

func hashBytes(b []byte) []byte {
	h := sha256.Sum256(b)
	return h[:]
}

// load compiles the module "(module IMPORTS BODY)".
func load(t testing.TB, e *vm.Engine, body string) *vm.Module {
	t.Helper()
	return loadWith(t, e, body, vm.LoadOptions{})
}

// loadLinkable does so for a module that side modules are put into.
func loadLinkable(t testing.TB, e *vm.Engine, body string) *vm.Module {
	t.Helper()
	return loadWith(t, e, body, vm.LoadOptions{SideModules: true})
}

func loadWith(t testing.TB, e *vm.Engine, body string, o vm.LoadOptions) *vm.Module {
	t.Helper()
	b := assemble(t, "(module "+imports+body+")")
	if runsNative() {
		compileNative(t, b)
	}
	m, err := e.Load(t.Name(), codeOf(b), o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func start(t testing.TB, m *vm.Module, h *host) {
	t.Helper()
	if err := m.Start(h, 0); err != nil {
		t.Fatal(err)
	}
}

// leftOver counts what engines have mapped for instances: stacks, which are freed when their threads are gone, and
// linear memories. Threads themselves cannot be told from Go's.
func leftOver(t testing.TB) (stacks, memories int) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip("needs /proc")
	}
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		fmt.Sscanf(line, "%x-%x", &from, &to)
		switch size := to - from; {
		case size == 64<<20+256<<10+64<<10: // vm_start in machine.c
			stacks++
		case size >= 1<<30 && strings.Contains(line, "---p"):
			memories++
		}
	}
	return stacks, memories
}

// statusKiB returns a field of /proc/self/status in KiB.
func statusKiB(t testing.TB, field string) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("needs /proc")
	}
	_, rest, _ := strings.Cut(string(b), "\n"+field+":")
	line, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
