//go:build cgo && (linux || darwin) && (amd64 || arm64)

package vm

// #include "native.h"
import "C"

import (
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"unsafe"
)

// native returns the module as native code, if EMBEDDEDPG_NATIVE names a folder that has it, under
// the hash of its WebAssembly.
func (e *Engine) native(hash string, linkable bool) (*Module, error) {
	dir := os.Getenv("EMBEDDEDPG_NATIVE")
	if dir == "" {
		return nil, nil
	}
	path, err := filepath.Abs(filepath.Join(dir, hash+".so"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, nil //nolint:nilerr // what has no native code is compiled
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	m, err := e.mapImage(hash, source{file: f, size: st.Size(), linkable: linkable})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m.nativePath = path
	return m, nil
}

// source is where an image is: in a file, or else in memory.
type source struct {
	file  *os.File
	size  int64
	bytes []byte

	linkable bool // side modules are to be put into instances
}

// mapImage makes a module of the image of the WebAssembly with the hash. It keeps no part of the source.
func (e *Engine) mapImage(hash string, from source) (*Module, error) {
	var sum [32]byte
	if n, err := hex.Decode(sum[:], []byte(hash)); err != nil || n != len(sum) {
		return nil, fmt.Errorf("bad hash %q", hash)
	}
	c := C.struct_vm_source{fd: -1, len: C.uint64_t(len(from.bytes))}
	if from.file != nil {
		c.fd, c.len = C.int(from.file.Fd()), C.uint64_t(from.size)
	} else {
		var pin runtime.Pinner
		pin.Pin(unsafe.SliceData(from.bytes))
		defer pin.Unpin()
		c.bytes = (*C.char)(unsafe.Pointer(unsafe.SliceData(from.bytes)))
	}
	m := &Module{nativePath: inMemory}
	if err := textError(C.vm_module_native(e.c, &c, (*C.uint8_t)(&sum[0]), C.bool(from.linkable), &m.c)); err != nil {
		return nil, err
	}
	runtime.KeepAlive(from.file)
	m.mu.trapSite = true
	return m, nil
}

// copied reports whether the module's code is a copy, as that file's could not be mapped.
func (m *Module) copied() bool { return bool(C.vm_native_copied(m.c)) }

// named puts, behind the text of a trap in native code, the names of the functions that led to it
// for the addresses that C found, where the shared object still has them.
func (m *Module) named(message string) string {
	text, frames, ok := strings.Cut(message, " +0x")
	if !ok || m.nativePath == "" {
		return message
	}
	f, err := elf.Open(m.nativePath)
	if err != nil {
		return message
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil { // stripped
		return message
	}
	for i, word := range strings.Split("0x"+frames, " +") {
		at, err := strconv.ParseUint(strings.TrimPrefix(word, "0x"), 16, 64)
		if err != nil {
			return message
		}
		text += fmt.Sprintf("\n  %2d: %#x", i, at)
		for _, s := range symbols {
			if elf.ST_TYPE(s.Info) == elf.STT_FUNC && at >= s.Value && at < s.Value+s.Size {
				text += " " + s.Name
			}
		}
	}
	return text
}
