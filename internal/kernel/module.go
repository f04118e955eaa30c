package kernel

// What the kernel asks of a machine, and what it offers it. This is the seam to package vm; no
// engine is known here.

import "unsafe"

// Module is a compiled program that can be run any number of times at once. Package vm implements it.
type Module interface {
	// Start makes an instance whose system calls go to h, and a thread that runs the instance's _start. Its memory may
	// grow by heap bytes, if that is not 0. It returns once both are there; what happens then is reported to h. An error
	// wraps the operating system's, and h is not called.
	Start(h Host, heap uint64) error
}

// Killer is a Module that can end an instance which runs guest code without ever making a system call.
type Killer interface {
	// Kill ends the instance of h, at the latest when it next returns from a system call; End then reports a
	// fault. It does not block. Kill of an instance that has ended does nothing.
	Kill(h Host) error
}

// Sizer is a Module that can tell how much memory an instance has taken.
type Sizer interface {
	// HeapSize returns by how many bytes the memory of h's instance has grown since it was made. It may be called from
	// any goroutine after Begin and until Detach is called, and calls nothing of the kernel's.
	HeapSize(h Host) uint64
}

// Host is the kernel as one instance sees it. Every method is called on the instance's own thread,
// one at a time, in the order Begin, Syscall (any number), Detach, End.
type Host interface {
	// Begin is called after instantiation, before guest code runs. base is the host address of the
	// linear memory, which never moves.
	Begin(base unsafe.Pointer, fast *FastPath)
	// Syscall serves one env.syscall. size is the memory's present size in bytes. With done the
	// instance ends and runs no more guest code; ret is then unused.
	Syscall(size uint64, nr int32, a *[6]int32) (ret int32, done bool)
	// Detach is called after the last guest instruction, while the memory and the fast path still exist: from
	// then on nobody may touch them.
	Detach()
	// End is the last call: the instance and its memory are gone. fault is nil if Syscall said done
	// or _start returned, else what killed the instance (a trap, a panic in a host call).
	End(fault error)
}
