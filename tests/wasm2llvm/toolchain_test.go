// Package wasm2llvm_test runs what internal/wasm2llvm translates: the specification's own tests
// (TestSpecification), and random modules beside wasmtime (TestDifferential). Both need LLVM 22
// from the Debian root of wasm/root.sh, in EMBEDDEDPG_DEBIAN_ROOT, and a C compiler;
// tests/suites.sh translator gives them what they need.
package wasm2llvm_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"nself.org/embeddedpg/internal/wasm2llvm"
)

// toolchain compiles units and runs them.
type toolchain struct {
	root, dir string
	runner    string
	objects   []string // of the runtime
}

const runtimeDir = "../../internal/wasm2llvm/runtime"

var chain = sync.OnceValues(newToolchain)

// tools returns the toolchain, made once; without a root the test is skipped.
func tools(t *testing.T) *toolchain {
	t.Helper()
	if os.Getenv("EMBEDDEDPG_DEBIAN_ROOT") == "" {
		t.Skip("needs LLVM: set EMBEDDEDPG_DEBIAN_ROOT, or run tests/suites.sh translator")
	}
	c, err := chain()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMain(m *testing.M) {
	code := m.Run()
	if os.Getenv("EMBEDDEDPG_DEBIAN_ROOT") != "" {
		if c, err := chain(); err == nil {
			os.RemoveAll(c.dir)
		}
	}
	os.Exit(code)
}

func newToolchain() (*toolchain, error) {
	dir, err := os.MkdirTemp("", "wasm2llvm-")
	if err != nil {
		return nil, err
	}
	c := &toolchain{root: os.Getenv("EMBEDDEDPG_DEBIAN_ROOT"), dir: dir, runner: filepath.Join(dir, "runner")}
	flags := []string{"-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-I" + runtimeDir}
	if err := run("cc", append(flags, "-o", c.runner, "runner/runner.c", "-ldl")...); err != nil {
		return nil, err
	}
	sources, err := filepath.Glob(runtimeDir + "/*.[cS]")
	if err != nil {
		return nil, err
	}
	for _, source := range append(sources, "runner/host.c") {
		object := filepath.Join(dir, filepath.Base(source)+".o")
		if err := run("cc", append(flags, "-fPIC", "-fvisibility=hidden", "-ffreestanding", "-c", "-o", object, source)...); err != nil {
			return nil, err
		}
		c.objects = append(c.objects, object)
	}
	return c, nil
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%.4000s", name, err, out)
	}
	return nil
}

// llvm runs a program of the Debian root with that root's libraries, but with this system's files.
func (c *toolchain) llvm(name string, args ...string) error {
	all := append([]string{
		"--argv0", name, "--library-path", c.root + "/usr/lib/x86_64-linux-gnu",
		c.root + "/usr/lib/llvm-22/bin/" + name,
	}, args...)
	return run(c.root+"/lib64/ld-linux-x86-64.so.2", all...)
}

// build compiles units to a shared object, with the runtime.
func (c *toolchain) build(t *testing.T, name string, o wasm2llvm.Options, units ...*wasm2llvm.Unit) string {
	t.Helper()
	dir := filepath.Join(c.dir, strings.NewReplacer("/", "-", " ", "-").Replace(name))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	so := filepath.Join(dir, "module.so")
	link := append([]string{"-shared", "--eh-frame-hdr", "-Bsymbolic", "-o", so}, c.objects...)
	optFlags, llcFlags := wasm2llvm.Flags(o)
	for i, u := range units {
		var ir bytes.Buffer
		if _, err := u.WriteTo(&ir); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, fmt.Sprint("unit", i))
		if err := os.WriteFile(file+".ll", ir.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := c.llvm("opt", append(optFlags, file+".ll", "-o", file+".bc")...); err != nil {
			t.Fatal(err)
		}
		if err := c.llvm("llc", append(llcFlags, "-filetype=obj", file+".bc", "-o", file+".o")...); err != nil {
			t.Fatal(err)
		}
		link = append(link, file+".o")
	}
	if err := c.llvm("ld.lld", link...); err != nil {
		t.Fatal(err)
	}
	return so
}

// commands runs the runner's commands and returns its answers, one each.
func (c *toolchain) commands(t *testing.T, so string, lines []string) []string {
	t.Helper()
	cmd := exec.Command(c.runner, so)
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
