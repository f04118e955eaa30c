//go:build cgo

package vm

// #include "machine.h"
// #include "room.h"
import "C"

import (
	"runtime"
	"syscall"
)

// spareThreads is how many threads must be left for Go's runtime behind a new instance: it makes one for each
// processor, and for goroutines that block in the system, and ends the program if it cannot.
func spareThreads() int { return runtime.GOMAXPROCS(0) + 8 }

// Room returns nil if n instances with the given runner fit beside what the program has now, up to 256 of them, else a
// *RoomError. They are not reserved.
func (e *Engine) Room(n int, runner Runner) error {
	if err := e.use(); err != nil {
		return err
	}
	defer e.users.Done()
	each := C.vm_instance_size(e.c, runner == Native)
	if fit := C.vm_count_addresses(each, C.uint(n)); int(fit) < min(n, 256) {
		return &RoomError{Need: uint64(n) * uint64(each), Have: uint64(fit) * uint64(each), Errno: syscall.ENOMEM}
	}
	if errno := C.vm_prove_threads(C.uint(n), C.uint(spareThreads())); errno != 0 {
		return &RoomError{Threads: n + spareThreads(), Errno: syscall.Errno(errno)}
	}
	return nil
}
