//go:build cgo

package vm_test

import (
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
	if err := c.Module(so, work, wasm, options); err != nil {
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
