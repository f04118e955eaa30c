//go:build cgo

package vm

// #include "machine.h"
import "C"

import (
	"fmt"
	"sync"
	"syscall"

	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/wasmfile"
)

// Module is a compiled program. It implements kernel.Module, is safe for concurrent use, and lives as long as its
// Engine.
type Module struct {
	name    string
	engine  *Engine
	c       *C.struct_vm_module
	warning error

	nativePath string // of the image, if native code runs: a file, or inMemory

	// For side modules.
	cacheDir string
	dynamic  func() (*wasmfile.File, error) // what a linkable program exports; read when it is first needed

	mu struct {
		sync.Mutex
		running  map[kernel.Host]*instance
		trapSite bool               // C knows where to send a killed instance
		sides    map[[32]byte]*side // by the hash of their code
		types    map[uint32]string  // of native code, by their ID
	}
}

var (
	_ kernel.Module = (*Module)(nil)
	_ kernel.Sizer  = (*Module)(nil)
)

// Name returns the name that the module was loaded with.
func (m *Module) Name() string { return m.name }

// Warning returns why the cache of machine code did not serve as it should: the module is not kept on disk (ErrNotKept), or was
// copied into memory; nil if it is kept and mapped, or was not meant to be.
func (m *Module) Warning() error { return m.warning }

// Runner returns what runs the module.
func (m *Module) Runner() Runner {
	if m.nativePath != "" {
		return Native
	}
	return Wasmtime
}

// Start implements kernel.Module. The instance is there, with its whole address space, when Start returns. An error wraps the
// operating system's: ENOMEM or EAGAIN if it refuses memory, address space or a thread, or if too little would be left for
// the rest of the program; ENOEXEC if the module is not a program.
func (m *Module) Start(h kernel.Host, heap uint64) error {
	if err := m.engine.use(); err != nil {
		return err
	}
	defer m.engine.users.Done()
	in := &instance{host: h, module: m}
	slot, err := register(in)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var text *C.char
	if errno := C.vm_start(m.c, C.uint32_t(slot), C.uint64_t(heap), C.uint(spareThreads()), &in.c, &text); errno != 0 {
		unregister(slot)
		err := fmt.Errorf("vm: start %s: %w", m.name, syscall.Errno(errno))
		if why := textError(text); why != nil {
			err = fmt.Errorf("%w: %w", err, why)
		}
		return err
	}
	m.mu.running[h] = in
	return nil
}

// HeapSize implements kernel.Sizer.
func (m *Module) HeapSize(h kernel.Host) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	in := m.mu.running[h]
	if in == nil {
		return 0
	}
	return uint64(C.vm_heap_size(in.c))
}

// forget is called when the instance's thread is about to leave.
func (m *Module) forget(in *instance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.mu.running, in.host)
}
