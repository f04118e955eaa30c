// Package toolchain compiles, for tests, what wasm2llvm translates: with LLVM 22 of the
// Debian root that wasm/root.sh makes, and a C compiler for the runtime. What it makes for another
// processor than the host's runs under qemu.
package toolchain

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"

	"nself.org/embeddedpg/wasm2llvm"
)

// RootVariable is the environment variable with the Debian root's folder.
const RootVariable = "EMBEDDEDPG_DEBIAN_ROOT"

// Toolchain is safe for concurrent use.
type Toolchain struct {
	root    string
	target  wasm2llvm.Target
	runtime []string // object files
	entry   string   // one more, of images
	side    []string // of the images of side modules
}

// flags are the C compiler's.
var flags = []string{"-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2", "-I" + source("internal/vm")}

// arm64Flags go with the runtime's: it may use what the translated code may.
var arm64Flags = []string{"-march=armv8-a", "-ffixed-x18", "-mno-outline-atomics"}

// source returns a folder of this module, found by this file's place.
func source(folder string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "../../..", folder)
}

// Own is the target that this program itself is for.
func Own() wasm2llvm.Target {
	if runtime.GOARCH == "arm64" {
		return wasm2llvm.ARM64
	}
	return wasm2llvm.AMD64
}

// New compiles the runtime for a target into a folder, with a Debian root.
func New(root, dir string, target wasm2llvm.Target) (*Toolchain, error) {
	sources, err := filepath.Glob(source("wasm2llvm/runtime") + "/*.[cS]")
	if err != nil {
		return nil, err
	}
	sources = append(sources, source("wasm2llvm/runtime")+"/side/side.c")
	c := &Toolchain{root: root, target: target}
	for _, file := range sources {
		object := filepath.Join(dir, filepath.Base(file)+".o")
		args := []string{"-fPIC", "-fvisibility=hidden", "-ffreestanding", "-c", "-o", object, file}
		if target == wasm2llvm.ARM64 {
			args = append(args, arm64Flags...)
		}
		if err := c.CC(args...); err != nil {
			return nil, err
		}
		switch filepath.Base(file) {
		case "image.c":
			c.entry = object
			continue
		case "side.c":
			c.side = append(c.side, object)
			continue
		case "memory.c", "shared.c", "instantiate.c":
			c.side = append(c.side, object)
		}
		c.runtime = append(c.runtime, object)
	}
	return c, nil
}

// CC runs the target's C compiler, with the folder of wasm2llvm.h. A program under qemu starts the
// programs of the host, so that the compiler for arm64 has the cross compiler's name there too.
func (c *Toolchain) CC(args ...string) error {
	name := "cc"
	if c.target == wasm2llvm.ARM64 {
		name = "aarch64-linux-gnu-gcc"
	}
	return run(name, append(slices.Clone(flags), args...)...)
}

// Command returns the command that runs a program for the target.
func (c *Toolchain) Command(name string, args ...string) *exec.Cmd {
	if c.target == Own() {
		return exec.Command(name, args...)
	}
	emulator := c.root + "/usr/bin/qemu-" + string(c.target) // suites.sh arm64 puts it there
	return exec.Command(emulator, append([]string{"-L", "/usr/" + string(c.target) + "-linux-gnu", name}, args...)...)
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%.4000s", name, err, out)
	}
	return nil
}

// llvm runs a program of the Debian root with that root's libraries, but with this system's files.
func (c *Toolchain) llvm(name string, args ...string) error {
	all := append([]string{
		"--argv0", name, "--library-path", c.root + "/usr/lib/x86_64-linux-gnu",
		c.root + "/usr/lib/llvm-22/bin/" + name,
	}, args...)
	return run(c.root+"/lib64/ld-linux-x86-64.so.2", all...)
}

// Build compiles units, made for the target, to a shared object, with the runtime. dir is for files
// on the way.
func (c *Toolchain) Build(so, dir string, o wasm2llvm.Options, units ...*wasm2llvm.Unit) error {
	o.Target = c.target
	link := append([]string{"-shared", "--eh-frame-hdr", "-Bsymbolic", "-o", so}, c.runtime...)
	return c.link(link, dir, o, units)
}

func (c *Toolchain) link(link []string, dir string, o wasm2llvm.Options, units []*wasm2llvm.Unit) error {
	optFlags, llcFlags := wasm2llvm.Flags(o)
	for i, u := range units {
		var ir bytes.Buffer
		if _, err := u.WriteTo(&ir); err != nil {
			return err
		}
		file := filepath.Join(dir, fmt.Sprint("unit", i))
		if err := os.WriteFile(file+".ll", ir.Bytes(), 0o644); err != nil {
			return err
		}
		if err := c.llvm("opt", append(optFlags, file+".ll", "-o", file+".bc")...); err != nil {
			return err
		}
		if err := c.llvm("llc", append(llcFlags, "-filetype=obj", file+".bc", "-o", file+".o")...); err != nil {
			return err
		}
		link = append(link, file+".o")
	}
	return c.llvm("ld.lld", link...)
}

// imageFlags are the linker's for an image (internal/vm/wasm2llvm.h). wasm/native.sh has the same.
var imageFlags = []string{
	"-shared", "--eh-frame-hdr", "-Bsymbolic", "--build-id=none", "-e", "wasm_image",
	"-z", "max-page-size=65536", "-z", "pack-relative-relocs",
}

// Image translates and compiles a whole module, as wasm/native.sh does.
func (c *Toolchain) Image(so, dir string, wasm []byte, o wasm2llvm.Options) error {
	o.Image, o.Target = true, c.target
	m, err := wasm2llvm.Parse(wasm)
	if err != nil {
		return err
	}
	u := wasm2llvm.NewUnit(o)
	for i := range m.Functions() {
		if err := u.Function(m, i, o); err != nil {
			return err
		}
	}
	if err := u.Describe(m, o); err != nil {
		return err
	}
	objects := append([]string{c.entry}, c.runtime...)
	if m.Side() {
		objects = c.side
	}
	link := append(append(append([]string(nil), imageFlags...), "-o", so), objects...)
	return c.link(link, dir, o, []*wasm2llvm.Unit{u})
}
