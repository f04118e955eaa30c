//go:build cgo

package vm

// #include "machine.h"
import "C"

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"unsafe"

	"nself.org/embeddedpg/internal/kernel"
)

// maxInstances bounds the instances of a program at once. Each takes 16 GiB of address space, so that 47 bits hold no
// more than a quarter of that.
const maxInstances = 1 << 15

// instance is the Go side of a running instance. host and module never change; fault is of the instance's thread;
// c is guarded by the module's lock.
type instance struct {
	host   kernel.Host
	module *Module
	fault  *Fault // of a panic
	slots  slots  // of the instance's thread, too
	c      *C.struct_vm_instance
	killed bool // somebody sees to its end; module.mu guards it
}

// table finds an instance by its slot, without a lock.
var table struct {
	slots [maxInstances]atomic.Pointer[instance]

	mu    sync.Mutex
	free  []uint32 // slots used before and free again
	fresh uint32   // slots never used begin here
}

var errTooMany = errors.New("vm: too many instances")

func register(in *instance) (uint32, error) {
	table.mu.Lock()
	defer table.mu.Unlock()
	var slot uint32
	if n := len(table.free); n > 0 {
		slot = table.free[n-1]
		table.free = table.free[:n-1]
	} else if table.fresh == maxInstances {
		return 0, errTooMany
	} else {
		slot = table.fresh
		table.fresh++
	}
	table.slots[slot].Store(in)
	return slot, nil
}

func unregister(slot uint32) {
	table.mu.Lock()
	defer table.mu.Unlock()
	table.slots[slot].Store(nil)
	table.free = append(table.free, slot)
}

// caught is deferred in every function that C calls: a panic must not unwind C frames. It becomes the instance's
// fault.
func (in *instance) caught() {
	if v := recover(); v != nil && in.fault == nil {
		in.fault = &Fault{Kind: FaultPanic, Panic: v, Stack: debug.Stack()}
	}
}

//export vmBegin
func vmBegin(slot C.uint32_t, base unsafe.Pointer, fast unsafe.Pointer) (ok C.bool) {
	in := table.slots[slot].Load()
	defer in.caught()
	// An access of a Host to guest memory that the guest unmapped or truncated becomes a panic, not the end of the
	// program. The setting belongs to the goroutine, which stays with the thread.
	debug.SetPanicOnFault(true)
	in.host.Begin(base, (*kernel.FastPath)(fast))
	return true
}

// done is what vmSyscall returns when the instance is to end; results are 32 bits wide.
const done = 1 << 32

//export vmSyscall
func vmSyscall(slot C.uint32_t, size C.uint64_t, nr C.int32_t, a unsafe.Pointer) (r C.int64_t) {
	in := table.slots[slot].Load()
	r = done
	defer in.caught()
	ret, last := in.host.Syscall(uint64(size), int32(nr), (*[6]int32)(a))
	if !last {
		r = C.int64_t(ret)
	}
	return r
}

//export vmDetach
func vmDetach(slot C.uint32_t) {
	in := table.slots[slot].Load()
	defer in.caught()
	in.host.Detach()
}

//export vmEnd
func vmEnd(slot C.uint32_t, end C.enum_vm_end, code C.wasmtime_trap_code_t, text *C.char) {
	in := table.slots[slot].Load()
	defer func() {
		if v := recover(); v != nil {
			in.module.engine.cfg.Log.Error("panic in Host.End", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
	}()
	defer unregister(uint32(slot))
	in.module.forget(in)
	var message string
	if err := textError(text); err != nil {
		message = in.module.named(err.Error())
	}
	in.host.End(in.ended(end, TrapCode(code), message))
}

// ended says what Host.End is told.
func (in *instance) ended(end C.enum_vm_end, code TrapCode, message string) error {
	if in.fault != nil {
		return in.fault
	}
	switch end {
	case C.VM_END_RETURNED, C.VM_END_DONE:
		return nil
	case C.VM_END_STACK_OVERFLOW:
		return &Fault{Kind: FaultStackOverflow}
	case C.VM_END_ERROR:
		return &Fault{Kind: FaultException, Message: message}
	case C.VM_END_KILLED:
		return &Fault{Kind: FaultKilled}
	}
	return &Fault{Kind: FaultTrap, Code: code, Message: message}
}
