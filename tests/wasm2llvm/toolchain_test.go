// Package wasm2llvm_test runs what wasm2llvm translates: the specification's own tests
// (TestSpecification), and random modules beside wasmtime (TestDifferential). Both need LLVM 22
// from the Debian root of wasm/root.sh, in EMBEDDEDPG_DEBIAN_ROOT, and a C compiler;
// tests/suites.sh translator gives them what they need. With -target aarch64 the code is for arm64
// and runs under qemu.
package wasm2llvm_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"nself.org/embeddedpg/tests/wasm2llvm/toolchain"
	"nself.org/embeddedpg/wasm2llvm"
)

var target = flag.String("target", string(toolchain.Own()), "the processor to make code for: x86_64 or aarch64")

// chain compiles units and runs them.
type chain struct {
	*toolchain.Toolchain
	dir, runner string
}

var theChain = sync.OnceValues(newChain)

// tools returns the toolchain, made once; without a root the test is skipped.
func tools(t *testing.T) *chain {
	t.Helper()
	if os.Getenv(toolchain.RootVariable) == "" {
		t.Skipf("needs LLVM: set %s, or run tests/suites.sh translator", toolchain.RootVariable)
	}
	c, err := theChain()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMain(m *testing.M) {
	code := m.Run()
	if os.Getenv(toolchain.RootVariable) != "" {
		if c, err := theChain(); err == nil {
			os.RemoveAll(c.dir)
		}
	}
	os.Exit(code)
}

func newChain() (*chain, error) {
	dir, err := os.MkdirTemp("", "wasm2llvm-")
	if err != nil {
		return nil, err
	}
	c := &chain{dir: dir, runner: filepath.Join(dir, "runner")}
	if c.Toolchain, err = toolchain.New(os.Getenv(toolchain.RootVariable), dir, wasm2llvm.Target(*target)); err != nil {
		return nil, err
	}
	return c, c.CC("-o", c.runner, "runner/runner.c", "-ldl")
}

// unit returns a new unit for the target.
func (c *chain) unit() *wasm2llvm.Unit {
	return wasm2llvm.NewUnit(wasm2llvm.Options{Target: wasm2llvm.Target(*target)})
}

// build compiles units to a shared object, with the runtime.
func (c *chain) build(t *testing.T, name string, o wasm2llvm.Options, units ...*wasm2llvm.Unit) string {
	t.Helper()
	dir := filepath.Join(c.dir, strings.NewReplacer("/", "-", " ", "-").Replace(name))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	so := filepath.Join(dir, "module.so")
	if err := c.Build(so, dir, o, units...); err != nil {
		t.Fatal(err)
	}
	return so
}

// commands runs the runner's commands and returns its answers, one each.
func (c *chain) commands(t *testing.T, so string, lines []string) []string {
	t.Helper()
	cmd := c.Command(c.runner, so)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	var out, text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &text
	err := cmd.Run()
	answers := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if err != nil || len(answers) != len(lines) {
		at := min(len(answers), len(lines)-1)
		t.Fatalf("the runner gave %d answers to %d commands: %v\n%s\nnear %s", len(answers), len(lines), err, text.String(), lines[at])
	}
	return answers
}
