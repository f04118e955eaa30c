package kernel

// What the fast path in C may know of a process. Go writes it and C reads it,
// but for Waiting, which the waiter stores in either language, and PostSlot.Users, which C counts; every word is
// touched atomically on both sides once the guest runs, as package vm's fastpath.h says. A
// descriptor's entry is written by the process's own thread only, whenever the descriptor
// changes, so C never sees one that is closed. A slot of the table of posters is cleared before
// the memory behind it goes (hidePost), without Kernel.mu.

import (
	"runtime"
	"sync/atomic"
	"unsafe"

	"nself.org/embeddedpg/internal/vfs"
)

// FastPathFDs is the number of guest descriptors a FastPath has room for. A guest's RLIMIT_NOFILE is the same.
const FastPathFDs = 1024

// FastPath is what a machine's C code may know of a process, so that it can serve the most frequent
// system calls without entering Go. The machine allocates it, zeroed, outside the Go heap; its
// layout is asserted on both sides. All fields are accessed atomically once the guest runs.
type FastPath struct {
	Sig     uintptr // host address of the guest's signal words {pending, blocked}; 0 until registered: then all calls go to Go
	Pid     int32
	WakeFD  int32   // readable after a signal was posted while Waiting was WaitPoll
	Waiting uint32  // what the process blocks on; see WaitNone
	Off     uint32  // 1: every call goes to Go
	Table   uintptr // host address of the PostSlots, by process id
	FD      [FastPathFDs]FastPathFD
}

// PostSlot is how processes post signals to each other without Go. A poster counts itself into Users before it looks
// at FastPath, and out when it has done. When a process ends, its FastPath is cleared first, and then Users waited for to be
// 0: so a fast path exists as long as somebody posts to it.
type PostSlot struct {
	Users uint32
	_     uint32
	Fast  uintptr // *FastPath, once its Sig is set; 0: Go posts
}

// PostSlots is the number of entries of FastPath.Table. A process with a higher id is posted to by Go.
const PostSlots = 65536

// FastPathFD describes a guest descriptor to the fast path. Flags 0 means that Go serves it.
type FastPathFD struct {
	Host  uint64 // a descriptor of the host; with FastPathRing the address of a ring.Header
	Flags uint32
	_     uint32
}

// Values of FastPath.Waiting. A waiter stores one, then looks at the pending word, then blocks; when it
// returns it stores WaitNone. A poster first ORs into the pending word, then loads Waiting and wakes.
const (
	WaitNone  = 0
	WaitPoll  = 1 // woken by writing WakeFD, which the waiter drains
	WaitFutex = 2 // woken by a private futex wake of all waiters on the pending word
)

// Bits of FastPathFD.Flags.
const (
	FastPathRead     = 1 << iota // may be read
	FastPathWrite                // may be written
	FastPathFile                 // regular file: read, write, pread, pwrite, lseek, fsync
	FastPathSocket               // host descriptor is O_NONBLOCK: recv, send
	FastPathPipe                 // host descriptor is O_NONBLOCK: read, write
	FastPathNonblock             // the guest set O_NONBLOCK: EAGAIN may be returned to it; else Go is asked
	FastPathPoll                 // the host descriptor's readiness is the guest's
	FastPathRing                 // a connection within the program: recv, send, read, write, poll
)

// slot returns the process's entry of the table by which C code posts signals, or nil if its id has none.
func (p *Process) slot() *PostSlot {
	if p.pid >= PostSlots {
		return nil
	}
	return (*PostSlot)(unsafe.Pointer(&p.k.post[p.pid*int(unsafe.Sizeof(PostSlot{}))]))
}

func (p *Process) showPost() {
	if s := p.slot(); s != nil && p.k.fastPathOff == 0 {
		atomic.StoreUintptr(&s.Fast, uintptr(unsafe.Pointer(p.fast)))
	}
}

// hidePost ends posting by C code and waits until nobody does any more.
func (p *Process) hidePost() {
	s := p.slot()
	if s == nil {
		return
	}
	atomic.StoreUintptr(&s.Fast, 0)
	for atomic.LoadUint32(&s.Users) != 0 {
		runtime.Gosched()
	}
}

// showFastPath tells the fast path what it may do with a descriptor.
func (p *Process) showFastPath(fd int) {
	if p.fast == nil {
		return
	}
	e := &p.fast.FD[fd]
	f := p.fds[fd].file
	if f == nil {
		atomic.StoreUint32(&e.Flags, 0)
		return
	}
	host, flags := f.fastPath()
	if flags&FastPathFile != 0 && f.flags.Load()&vfs.O_APPEND != 0 {
		flags = 0 // where a write goes is then not the caller's to say
	}
	if flags != 0 {
		if f.readable() {
			flags |= FastPathRead
		}
		if f.writable() {
			flags |= FastPathWrite
		}
		if f.nonblock() {
			flags |= FastPathNonblock
		}
	}
	atomic.StoreUint64(&e.Host, host)
	atomic.StoreUint32(&e.Flags, flags)
}
