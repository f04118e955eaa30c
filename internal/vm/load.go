//go:build cgo

package vm

// #include <stdlib.h>
// #include "machine.h"
import "C"

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
	"unsafe"

	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/wasmfile"
)

// engineKey stands for all that decides what machine code comes out of the same module on the same processor.
var engineKey = fmt.Sprintf("wasmtime %s, guard %d", C.WASMTIME_VERSION, guardSize)

// Load returns a module. Its native code is unpacked into the cache directory once; without native code the WebAssembly is
// compiled, which takes seconds, and kept there. An entry is used if it is intact and only we can have written it. A damaged
// one is replaced. A directory or file that others could have written is left alone and not used; then, as when the
// disk is full or read-only, the module is in memory and Module.Warning says so.
func (e *Engine) Load(name string, code Code, o LoadOptions) (*Module, error) {
	if err := e.use(); err != nil {
		return nil, err
	}
	defer e.users.Done()
	r := &reporter{f: o.Progress, module: name, begin: time.Now()}
	m, err := e.loadBy(name, code, o, r)
	if err != nil {
		return nil, fmt.Errorf("vm: load %s: %w", name, err)
	}
	m.name, m.engine, m.cacheDir = name, e, o.CacheDir
	m.dynamic = sync.OnceValues(func() (*wasmfile.File, error) {
		if !o.SideModules {
			return nil, errors.New("the program was loaded without LoadOptions.SideModules")
		}
		if m.nativePath != "" {
			return m.nativeExports()
		}
		wasm, err := code.Wasm()
		if err != nil {
			return nil, err
		}
		return wasmfile.Parse(wasm)
	})
	m.mu.running = map[kernel.Host]*instance{}
	m.mu.sides = map[[32]byte]*side{}
	m.mu.types = map[uint32]string{}
	e.adopt(m)
	r.report(Loaded)
	return m, nil
}

// loadBy loads the module for the runner that is asked for, else for the best there is.
func (e *Engine) loadBy(name string, code Code, o LoadOptions, r *reporter) (*Module, error) {
	if o.Runner != Wasmtime {
		m, err := e.native(code.Hash, o.SideModules)
		if m == nil && err == nil && code.Native != nil {
			m, err = unpacker{e, code, o.SideModules}.load(name, o.CacheDir)
		}
		if m == nil && err == nil && o.Runner == Native {
			err = ErrNoNative
		}
		if m != nil || err != nil {
			return m, err
		}
	}
	l := loader{e, program}
	if o.SideModules {
		l.kind = linkable
	}
	return l.load(name, code, o.CacheDir, r)
}

// moduleKind is what a module is compiled for.
type moduleKind string

const (
	program  moduleKind = "program"  // to be started
	linkable moduleKind = "linkable" // to be started, and to have side modules put into it
	sided    moduleKind = "side"     // to be put into an instance
)

// loader compiles or maps modules of one kind.
type loader struct {
	*Engine
	kind moduleKind
}

func (e loader) side() C.bool { return e.kind == sided }

func (e loader) load(name string, code Code, cacheDir string, r *reporter) (*Module, error) {
	if cacheDir == "" {
		return e.compileOnly(code, nil, r)
	}
	c, err := openCache(cacheDir, name, compiledSuffix, e.key(code.Hash))
	if err != nil {
		return e.compileOnly(code, notKept(err), r)
	}
	defer c.close()
	m, err := e.fromCache(c)
	if err == nil {
		return m, nil
	}
	if errors.Is(err, hostdir.ErrUntrusted) {
		return e.compileOnly(code, notKept(err), r)
	}
	unlock := c.lock(compilePatience, func() { r.again(Waiting) })
	defer unlock()
	if m, err := e.fromCache(c); err == nil { // made while we waited
		return m, nil
	}
	return e.compileAndStore(c, code, r)
}

func (e loader) key(hash string) [32]byte { return cacheKey(hash, engineKey+", "+string(e.kind)) }

func notKept(reason error) error { return fmt.Errorf("%w: %w", ErrNotKept, reason) }

// fromCache maps the entry, if it is intact. Where code of that file system cannot be mapped (noexec), the entry is copied.
func (e loader) fromCache(c *cache) (*Module, error) {
	f, err := c.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := e.mapFile(samePath(f))
	if errors.Is(err, os.ErrNotExist) { // no /proc in this container
		m, err = e.mapFile(c.path)
	}
	if err == nil {
		return m, nil
	}
	copied, readErr := readArtefact(f)
	if readErr != nil {
		return nil, err
	}
	m, copyErr := e.fromMemory(copied, fmt.Errorf("compiled code is copied into memory, not mapped from %s: %w", c.path, err))
	if copyErr != nil {
		return nil, err
	}
	return m, nil
}

func (e loader) mapFile(path string) (*Module, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	p := C.CString(path)
	defer C.free(unsafe.Pointer(p))
	m := new(Module)
	if err := textError(C.vm_module_new(e.c, p, e.side(), &m.c)); err != nil {
		return nil, err
	}
	return m, nil
}

// compileAndStore makes the entry and then maps it: the file's pages are shared and can be dropped, those of a
// module in memory cannot. What cannot be stored is used all the same.
func (e loader) compileAndStore(c *cache, code Code, r *reporter) (*Module, error) {
	a, err := e.compile(code, r)
	if err != nil {
		return nil, err
	}
	defer a.free()
	r.during(Storing, func() { err = c.store(a.bytes()) })
	if err != nil {
		return e.fromMemory(a.bytes(), notKept(err))
	}
	m, err := e.fromCache(c)
	if err != nil {
		return e.fromMemory(a.bytes(), notKept(err))
	}
	return m, nil
}

// compileOnly makes the module in memory. warning says why it is not kept.
func (e loader) compileOnly(code Code, warning error, r *reporter) (*Module, error) {
	a, err := e.compile(code, r)
	if err != nil {
		return nil, err
	}
	defer a.free()
	return e.fromMemory(a.bytes(), warning)
}

// artefact is a compiled module in memory that C has allocated.
type artefact struct{ vec C.wasm_byte_vec_t }

func (a *artefact) bytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(a.vec.data)), a.vec.size)
}
func (a *artefact) free() { C.wasm_byte_vec_delete(&a.vec) }

// compile checks the module's hash and compiles it. The caller frees the result.
func (e loader) compile(code Code, r *reporter) (*artefact, error) {
	wasm, err := code.Wasm()
	if err != nil {
		return nil, err
	}
	wasm, err = e.prepare(wasm, code.Hash)
	if err != nil {
		return nil, err
	}
	a := new(artefact)
	r.during(Compiling, func() {
		err = textError(C.vm_compile(e.c, (*C.uint8_t)(&wasm[0]), C.size_t(len(wasm)), &a.vec))
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// fromMemory makes a module of a copy of the artefact.
func (e loader) fromMemory(artefact []byte, warning error) (*Module, error) {
	if len(artefact) == 0 {
		return nil, errors.New("the compiled code is empty")
	}
	m := &Module{warning: warning}
	err := textError(C.vm_module_copy(e.c, (*C.uint8_t)(&artefact[0]), C.size_t(len(artefact)), e.side(), &m.c))
	if err != nil {
		return nil, err
	}
	return m, nil
}

// prepare checks the module's hash and returns what the compiler is to see of it.
func (e loader) prepare(wasm []byte, hash string) ([]byte, error) {
	if len(wasm) == 0 {
		return nil, errors.New("module is empty")
	}
	if got := sha256.Sum256(wasm); hex.EncodeToString(got[:]) != hash {
		return nil, fmt.Errorf("sha256 is %x, expected %s", got, hash)
	}
	if e.kind == program {
		return wasmfile.WithoutFunctions(wasm, "_start")
	}
	return wasm, nil
}
