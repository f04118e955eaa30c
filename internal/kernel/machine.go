package kernel

import "unsafe"

// Module is a compiled program that can be run any number of times at once. Package vm implements it.
type Module interface {
	// Start creates a thread, on it an instance whose system calls go to h, and runs the
	// instance's _start. It returns once the thread exists; what happens on it is reported to h.
	Start(h Host) error
}

// Killer is a Module that can end an instance which runs guest code without ever making a system call.
type Killer interface {
	// Kill ends the instance of h, at the latest when it next returns from a system call; End then reports a
	// fault. It does not block. Kill of an instance that has ended does nothing.
	Kill(h Host) error
}

// Host is the kernel as one instance sees it. Every method is called on the instance's own thread,
// one at a time, in the order Begin, Syscall (any number), Detach, End.
type Host interface {
	// Begin is called after instantiation, before guest code runs. base is the host address of the
	// linear memory, which never moves.
	Begin(base unsafe.Pointer, lane *Lane)
	// Syscall serves one env.syscall. size is the memory's present size in bytes. With done the
	// instance ends and runs no more guest code; ret is then unused.
	Syscall(size uint64, nr int32, a *[6]int32) (ret int32, done bool)
	// Detach is called after the last guest instruction, while the memory and the lane still exist: from
	// then on nobody may touch them.
	Detach()
	// End is the last call: the instance and its memory are gone. fault is nil if Syscall said done
	// or _start returned, else what killed the instance (a trap, a panic in a host call).
	End(fault error)
}

// LaneFDs is the number of guest descriptors a Lane has room for. A guest's RLIMIT_NOFILE is the same.
const LaneFDs = 1024

// Lane is what a machine's C code may know of a process, so that it can serve the most frequent
// system calls without entering Go. The machine allocates it, zeroed, outside the Go heap; its
// layout is asserted on both sides. All fields are accessed atomically once the guest runs.
type Lane struct {
	Sig     uintptr // host address of the guest's signal words {pending, blocked}; 0 until registered: then all calls go to Go
	Pid     int32
	WakeFD  int32   // readable after a signal was posted while Waiting was WaitPoll
	Waiting uint32  // what the process blocks on; see WaitNone
	Off     uint32  // 1: every call goes to Go
	Table   uintptr // host address of the PostSlots, by process id
	FD      [LaneFDs]LaneFD
}

// PostSlot is how processes post signals to each other without Go. A poster counts itself into Users before it looks
// at Lane, and out when it has done. When a process ends, its Lane is cleared first, and then Users waited for to be
// 0: so a lane exists as long as somebody posts to it.
type PostSlot struct {
	Users uint32
	_     uint32
	Lane  uintptr // *Lane, once its Sig is set; 0: Go posts
}

// PostSlots is the number of entries of Lane.Table. A process with a higher id is posted to by Go.
const PostSlots = 65536

// LaneFD describes a guest descriptor to the lane. Flags 0 means that Go serves it.
type LaneFD struct {
	Host  uint64 // a descriptor of the host; with LaneRing the address of a ring.Header
	Flags uint32
	_     uint32
}

// Values of Lane.Waiting. A waiter stores one, then looks at the pending word, then blocks; when it
// returns it stores WaitNone. A poster first ORs into the pending word, then loads Waiting and wakes.
const (
	WaitNone  = 0
	WaitPoll  = 1 // woken by writing WakeFD, which the waiter drains
	WaitFutex = 2 // woken by a private futex wake of all waiters on the pending word
)

// Bits of LaneFD.Flags.
const (
	LaneRead     = 1 << iota // may be read
	LaneWrite                // may be written
	LaneFile                 // regular file: read, write, pread, pwrite, lseek, fsync
	LaneSocket               // host descriptor is O_NONBLOCK: recv, send
	LanePipe                 // host descriptor is O_NONBLOCK: read, write
	LaneNonblock             // the guest set O_NONBLOCK: EAGAIN may be returned to it; else Go is asked
	LanePoll                 // the host descriptor's readiness is the guest's
	LaneRing                 // a connection within the program: recv, send, read, write, poll
)
