//go:build cgo && (linux || darwin) && (amd64 || arm64)

package vm

// #include <stdlib.h>
// #include "native.h"
import "C"

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/wasmfile"
)

// processor is this one's name in side modules.
const processor = C.WASM_PROCESSOR

// nativeCode returns a side module without native code, and its code for this processor: nil if there is none that was
// made of this module and in today's format.
func nativeCode(code []byte) (bare, image []byte, err error) {
	bare, image, err = wasmfile.Native(code, processor)
	const magic = C.WASM_IMAGE_MAGIC
	at := bytes.Index(image, []byte(magic)) // of struct wasm_image; the format is behind it
	if at < 0 || len(image) < at+len(magic)+4 || binary.LittleEndian.Uint32(image[at+len(magic):]) != C.WASM_IMAGE_FORMAT {
		image = nil
	}
	return bare, image, err
}

// CheckSides returns why a program that is native code could not load the side modules (NAME.so) in directories, an error for
// each: there is no native code for this processor that was made of the module by this version, or others could have
// changed it: native code is machine code, which nothing confines.
func CheckSides(dirs []string) (bad []error) {
	for _, dir := range dirs {
		files, err := os.ReadDir(dir)
		if err != nil {
			continue // whoever mounts it says so
		}
		if err := trusted(dir); err != nil {
			bad = append(bad, err)
			continue
		}
		for _, f := range files {
			if path := filepath.Join(dir, f.Name()); filepath.Ext(path) == ".so" {
				if err := checkSide(path); err != nil {
					bad = append(bad, err)
				}
			}
		}
	}
	return bad
}

// CheckSideFiles is CheckSides of a file system that is part of the program, and so trusted as the program is.
func CheckSideFiles(files fs.FS) (bad []error) {
	names, err := fs.Glob(files, "*.so")
	if err != nil {
		return []error{err}
	}
	for _, name := range names {
		code, err := fs.ReadFile(files, name)
		if err != nil {
			bad = append(bad, fmt.Errorf("read a module: %w", err))
		} else if _, image, err := nativeCode(code); err == nil && image == nil {
			bad = append(bad, fmt.Errorf("%s: %w", name, errNoSideNative))
		}
	}
	return bad
}

func trusted(path string) error {
	st, err := os.Stat(path)
	if err == nil {
		err = hostdir.Installed(st)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// checkSide returns nil of what is no module: it is refused for that.
func checkSide(path string) error {
	code, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read a module: %w", err)
	}
	_, image, err := nativeCode(code)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	if image == nil {
		return fmt.Errorf("%s: %w", path, errNoSideNative)
	}
	return trusted(path)
}

var errNoSideNative = fmt.Errorf("no native code for %s that was made of it by this version", processor)

// nativeExports returns what side modules can link to, as if read from the program's WebAssembly.
func (m *Module) nativeExports() (*wasmfile.File, error) {
	l := C.vm_native_linkage(m.c)
	if l.symbols_len == 0 {
		return nil, errors.New("the program's native code was made without symbols for side modules")
	}
	f := &wasmfile.File{
		Exports: map[string]wasmfile.Export{}, Globals: map[uint32]uint32{}, Slots: map[uint32]uint32{}, FirstSlot: uint32(C.vm_native_first_slot(m.c)),
	}
	names := C.GoStringN(l.names, C.int(l.names_len))
	for _, s := range unsafe.Slice(l.symbols, l.symbols_len) {
		name := nameAt(names, s.name)
		kind, index := wasmfile.Kind(s.kind_index&7), uint32(s.kind_index>>3)
		f.Exports[name] = wasmfile.Export{Kind: kind, Index: index}
		switch {
		case kind == wasmfile.Global && s.code == 0:
			f.Globals[index] = uint32(s.value)
		case kind == wasmfile.Func && s.value != 0:
			f.Slots[index] = uint32(s.value)
		}
	}
	return f, m.addTypes(m)
}

// loadNative links the module's native code to the program's.
func (s *side) loadNative(name string, image []byte, hash [sha256.Size]byte) error {
	if image == nil {
		return fmt.Errorf("%w, and the server runs native code: build it with wasm/extension.sh, "+
			"or start the server again, which then takes it, and runs slower", errNoSideNative)
	}
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	m := new(Module)
	err := textError(C.vm_native_side(s.program.c, n, (*C.uint8_t)(&hash[0]), (*C.uint8_t)(&image[0]), C.size_t(len(image)), &m.c))
	if err != nil {
		return err
	}
	m.name, m.engine = name, s.program.engine
	s.module = m
	s.program.engine.adopt(m)
	return s.program.addTypes(m)
}

func nameAt(names string, at C.uint32_t) string {
	name, _, _ := strings.Cut(names[at:], "\x00")
	return name
}

// addTypes makes sure that equal IDs of types, which indirect calls compare, mean equal types: those
// of long types are hashes.
func (m *Module) addTypes(of *Module) error {
	l := C.vm_native_linkage(of.c)
	names := C.GoStringN(l.names, C.int(l.names_len))
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range unsafe.Slice(l.types, l.types_len) {
		name := nameAt(names, t.name)
		if other, ok := m.mu.types[uint32(t.id)]; ok && other != name {
			return errors.New("a type of its functions has the same hash as another one of the server's: it can be run by wasmtime only")
		}
		m.mu.types[uint32(t.id)] = name
	}
	return nil
}
