//go:build cgo

package vm

// #cgo CFLAGS: -std=gnu11 -Wall -Wextra
// #include <stdlib.h>
// #include "machine.h"
import "C"

import (
	"errors"
	"sync"
	"unsafe"

	_ "github.com/bytecodealliance/wasmtime-go/v44" // links wasmtime's static library
)

// guardSize is the address space behind each memory that no access reaches without a fault. An instruction adds a
// constant of up to 32 bits to its 32-bit index; constants below the guard's size need no bounds check. A C
// program's static data has its address as that constant, and PostgreSQL's lies between 1.5 and 2 GiB.
const guardSize = 2 << 30

// Engine compiles and runs modules. Its methods are safe for concurrent use. One is enough for a program.
type Engine struct {
	cfg Config
	c   *C.struct_vm_engine

	users sync.WaitGroup // calls that use c
	mu    struct {
		sync.Mutex
		closed  bool
		modules []*Module
	}
}

// New returns an engine without modules. The first one in a program installs wasmtime's handlers for the signals
// of memory faults; they pass on to Go's what is not theirs.
func New(cfg Config) (*Engine, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	c := C.vm_engine_new(C.size_t(cfg.StackSize), guardSize)
	if c == nil {
		return nil, errors.New("vm: make the engine: out of memory")
	}
	return &Engine{cfg: cfg, c: c}, nil
}

// Close waits until every instance has ended by itself and its thread is gone, and frees the engine and its modules.
// It ends no instance. A second Close does nothing.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.mu.closed {
		e.mu.Unlock()
		return nil
	}
	e.mu.closed = true
	e.mu.Unlock()

	e.users.Wait()
	C.vm_engine_wait(e.c)
	for _, m := range e.mu.modules {
		C.vm_module_free(m.c)
	}
	C.vm_engine_free(e.c)
	return nil
}

// Wait blocks until no instance is left and the thread of the last one is gone.
func (e *Engine) Wait() {
	if e.use() == nil {
		defer e.users.Done()
		C.vm_engine_wait(e.c)
	}
}

// use keeps the engine from being freed until users.Done is called.
func (e *Engine) use() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mu.closed {
		return ErrClosed
	}
	e.users.Add(1)
	return nil
}

// adopt makes the engine free m in the end.
func (e *Engine) adopt(m *Module) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.mu.modules = append(e.mu.modules, m)
}

// textError makes an error of a C function's text, which it frees; nil of nil.
func textError(s *C.char) error {
	if s == nil {
		return nil
	}
	defer C.free(unsafe.Pointer(s))
	return errors.New(C.GoString(s))
}
