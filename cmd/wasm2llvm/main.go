// Command wasm2llvm writes a WebAssembly module as LLVM IR, one file a shard, for LLVM to compile
// side by side:
//
//	go run ./cmd/wasm2llvm [flags] MODULE.wasm FOLDER
//
//	go run ./cmd/wasm2llvm -attach IMAGE [-target PROCESSOR] MODULE.wasm
//
// It prints what opt and llc should be told, and "side" if the module is a side module. With -attach
// it puts a side module's compiled code into the module's file. See package wasm2llvm for what the code needs
// of a host.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"nself.org/embeddedpg/internal/wasmfile"
	"nself.org/embeddedpg/wasm2llvm"
)

func main() {
	var o wasm2llvm.Options
	target := flag.String("target", string(wasm2llvm.AMD64), "processor: x86_64 or aarch64")
	shards := flag.Int("shards", 16, "files to spread the functions over")
	export := flag.String("export", "", "the one export that a host calls; default: all")
	flag.StringVar(&o.Triple, "triple", "", "LLVM's name of the platform; default: Linux")
	flag.StringVar(&o.Prefix, "prefix", "", "goes before every symbol")
	flag.StringVar(&o.StackDepth, "stackdepth", "", "the import, as module.name, that returns the bytes of stack in use")
	flag.BoolVar(&o.Image, "image", false, "put active data segments together, for a host that maps them")
	flag.BoolVar(&o.Symbols, "symbols", false, "list the exports, for side modules to link to")
	attach := flag.String("attach", "", "put this `file`, the module's code for the target, into MODULE.wasm")
	flag.BoolVar(&o.Exact, "exact", false, "forbid LLVM what the specification forbids")
	profile := flag.String("profile", "", "`file` that tests/train wrote; FOLDER/profile.txt is then its text, of which llvm-profdata has to make FOLDER/profile.data")
	flag.BoolVar(&o.Counters, "counters", false, "have the code count what runs, for a profile")
	flag.Parse()
	o.Target = wasm2llvm.Target(*target)
	if *export != "" {
		o.Exports = func(name string) bool { return name == *export }
	}
	if *attach != "" && flag.NArg() == 1 {
		if err := attachNative(flag.Arg(0), *target, *attach); err != nil {
			fmt.Fprintln(os.Stderr, "wasm2llvm:", err)
			os.Exit(1)
		}
		return
	}
	if flag.NArg() != 2 || o.Target != wasm2llvm.AMD64 && o.Target != wasm2llvm.ARM64 || *shards < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), flag.Arg(1), *shards, *profile, o); err != nil {
		fmt.Fprintln(os.Stderr, "wasm2llvm:", err)
		os.Exit(1)
	}
	if *profile != "" {
		o.ProfileData = filepath.Join(flag.Arg(1), "profile.data")
	}
	opt, llc := wasm2llvm.Flags(o)
	fmt.Println("opt", strings.Join(opt, " "))
	fmt.Println("llc", strings.Join(llc, " "))
}

// attachNative puts native code into a side module's file, which it replaces at once.
func attachNative(file, processor, image string) error {
	wasm, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	native, err := os.ReadFile(image)
	if err != nil {
		return err
	}
	if wasm, err = wasmfile.WithNative(wasm, processor, native); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := os.WriteFile(file+".new", wasm, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func run(file, folder string, shards int, profile string, o wasm2llvm.Options) error {
	wasm, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	m, err := wasm2llvm.Parse(wasm)
	if err != nil {
		return err
	}
	if m.Side() {
		fmt.Println("side")
	}
	if profile != "" {
		if err := useProfile(profile, filepath.Join(folder, "profile.txt"), m, wasm, o); err != nil {
			return fmt.Errorf("%s: %w", profile, err)
		}
	}
	return translate(m, folder, shards, o)
}

// useProfile writes the profile for llvm-profdata and says how much of the module it knows.
func useProfile(from, to string, m *wasm2llvm.Module, wasm []byte, o wasm2llvm.Options) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		return err
	}
	defer z.Close()
	p, err := wasm2llvm.ReadProfile(z)
	if err != nil {
		return err
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	found, err := p.WriteLLVM(out, m, fmt.Sprintf("%x", sha256.Sum256(wasm)), o)
	if err != nil {
		out.Close()
		return err
	}
	fmt.Fprintf(os.Stderr, "wasm2llvm: the profile has %d of %d functions\n", found, m.Functions())
	return out.Close()
}

// translate writes the module's units.
func translate(m *wasm2llvm.Module, folder string, shards int, o wasm2llvm.Options) error {
	total := 0
	for i := range m.Functions() {
		total += m.FunctionSize(i)
	}
	next, done := 0, 0
	for shard := range shards { // neighbours stay together
		u := wasm2llvm.NewUnit(o)
		for ; next < m.Functions() && (done*shards < total*(shard+1) || shard == shards-1); next++ {
			if err := u.Function(m, next, o); err != nil {
				return err
			}
			done += m.FunctionSize(next)
		}
		if shard == 0 {
			if err := u.Describe(m, o); err != nil {
				return err
			}
		}
		if err := write(filepath.Join(folder, fmt.Sprintf("unit%02d.ll", shard)), u); err != nil {
			return err
		}
	}
	return nil
}

func write(file string, u *wasm2llvm.Unit) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := u.WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
