package ring

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// Size is the room of each direction in bytes; a power of two.
const Size = 64 << 10

// Header is the beginning of a connection's memory. Behind it, at dataOffset, come the bytes of both halves.
type Header struct {
	Half [2]Half
	Bell [2]int32 // eventfds: the Guest's and the Conn's

	Spin        [3]uint32 // of the C code that waits for the Guest, as spinner's: short, skip, penalty
	MaxSpinning uint32    // how many sides may look at once
	Rang        int64     // when the Conn's bell was last rung, in ns of CLOCK_MONOTONIC
	_           [32]byte
}

// The halves and bells, by who reads or waits.
const (
	ToGuest   = 0
	ToProgram = 1
)

// Half is one direction. What one side stores often has a cache line of its own.
type Half struct {
	Tail  uint32 // bytes ever written
	_     [60]byte
	Head  uint32 // bytes ever read
	_     [60]byte
	Flags uint32
	Waits uint32
	_     [56]byte
}

// Bits of Half.Flags.
const (
	Eof   = 1 // the writer has ended
	Gone  = 2 // the reader has ended
	Reset = 4 // with Eof: the writer left without having read all that it was sent
)

// Bits of Half.Waits.
const (
	ReaderWaits = 1 // for its bell
	WriterWaits = 2 // for its bell
	ReaderHolds = 4 // for a change of Waits itself: a futex
)

const (
	dataOffset = unsafe.Sizeof(Header{})
	memorySize = int(dataOffset) + 2*Size
)

// flow is one direction as either side sees it.
type flow struct {
	*Half
	data               *[Size]byte
	toReader, toWriter int32  // bells
	rang               *int64 // where the time of ringing toReader is noted; nil: nowhere
}

func newFlow(h *Header, half int) flow {
	base := unsafe.Pointer(h)
	f := flow{
		Half: &h.Half[half], data: (*[Size]byte)(unsafe.Add(base, dataOffset+uintptr(half)*Size)),
		toReader: h.Bell[half], toWriter: h.Bell[1-half],
	}
	if half == ToProgram {
		f.rang = &h.Rang
	}
	return f
}

// write copies as much of p as there is room for.
func (f *flow) write(p []byte) int {
	tail := atomic.LoadUint32(&f.Tail)
	free := Size - (tail - atomic.LoadUint32(&f.Head))
	p = p[:min(len(p), int(free))]
	if len(p) == 0 {
		return 0
	}
	n := copy(f.data[tail%Size:], p)
	copy(f.data[:], p[n:])
	atomic.StoreUint32(&f.Tail, tail+uint32(len(p)))
	f.wakeReader()
	return len(p)
}

// read copies out what is there, at most len(p) bytes; peek leaves it there.
func (f *flow) read(p []byte, peek bool) int {
	head := atomic.LoadUint32(&f.Head)
	used := atomic.LoadUint32(&f.Tail) - head
	p = p[:min(len(p), int(used))]
	if len(p) == 0 {
		return 0
	}
	n := copy(p, f.data[head%Size:])
	copy(p[n:], f.data[:])
	if peek {
		return len(p)
	}
	atomic.StoreUint32(&f.Head, head+uint32(len(p)))
	if used-uint32(len(p)) <= Size/2 {
		f.wake(WriterWaits, f.toWriter)
	}
	return len(p)
}

// wake rings the bell of a side that sleeps.
func (f *flow) wake(who uint32, bell int32) {
	if atomic.LoadUint32(&f.Waits)&who != 0 && atomic.AndUint32(&f.Waits, ^who)&who != 0 {
		ringBell(bell)
	}
}

func (f *flow) wakeReader() {
	switch waits := atomic.LoadUint32(&f.Waits); {
	case waits&ReaderWaits != 0:
		if f.rang != nil {
			atomic.StoreInt64(f.rang, monotonic())
		}
		f.wake(ReaderWaits, f.toReader)
	case waits&ReaderHolds != 0 && atomic.AndUint32(&f.Waits, ^uint32(ReaderHolds))&ReaderHolds != 0:
		wakeWord(&f.Waits)
	}
}

// hold sleeps until the half is readable, at most for d, and keeps the goroutine's P. A signal, by which Go's
// scheduler asks for it, ends the system call.
func (f *flow) hold(d time.Duration) {
	for end := monotonic() + int64(d); !f.readable(); {
		left := end - monotonic()
		if left <= 0 {
			break
		}
		f.arm(ReaderHolds)
		if waits := atomic.LoadUint32(&f.Waits); waits&ReaderHolds != 0 && !f.readable() {
			waitWord(&f.Waits, waits, left)
		}
	}
	f.disarm(ReaderHolds)
}

func (f *flow) empty() bool { return atomic.LoadUint32(&f.Tail) == atomic.LoadUint32(&f.Head) }
func (f *flow) full() bool  { return atomic.LoadUint32(&f.Tail)-atomic.LoadUint32(&f.Head) == Size }

func (f *flow) has(flag uint32) bool { return atomic.LoadUint32(&f.Flags)&flag != 0 }

// ended tells that the writer has ended and everything was read; reset, that it left without reading all.
func (f *flow) ended() (ended, reset bool) {
	flags := atomic.LoadUint32(&f.Flags)
	return flags&Eof != 0 && f.empty(), flags&Reset != 0
}

// readable and writable tell that a read or write would not have to wait.
func (f *flow) readable() bool { return !f.empty() || f.has(Eof|Gone) }
func (f *flow) writable() bool { return !f.full() || f.has(Eof|Gone) }

func (f *flow) arm(who uint32)    { atomic.OrUint32(&f.Waits, who) }
func (f *flow) disarm(who uint32) { atomic.AndUint32(&f.Waits, ^who) }

// set sets flags and wakes both sides to look at them.
func (f *flow) set(flags uint32) {
	atomic.OrUint32(&f.Flags, flags)
	f.wakeReader()
	f.wake(WriterWaits, f.toWriter)
}
