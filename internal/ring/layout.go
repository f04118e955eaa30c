package ring

import (
	"sync/atomic"
	"unsafe"
)

// Size is the room of each direction in bytes; a power of two.
const Size = 64 << 10

// Header is the beginning of a connection's memory. Behind it, at dataOffset, come the bytes of both halves.
type Header struct {
	Half [2]Half
	Bell [2]int32 // eventfds: the Guest's and the Conn's
	Spin uint32   // of C code that waits for the Guest: how long it looks before it sleeps, in ns

	MaxSpinning uint32 // how many sides may look at once
	_           [48]byte
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
	ReaderWaits = 1
	WriterWaits = 2
)

const (
	dataOffset = unsafe.Sizeof(Header{})
	memorySize = int(dataOffset) + 2*Size
)

// flow is one direction as either side sees it.
type flow struct {
	*Half
	data               *[Size]byte
	toReader, toWriter int32 // bells
}

func newFlow(h *Header, half int) flow {
	base := unsafe.Pointer(h)
	return flow{
		Half: &h.Half[half], data: (*[Size]byte)(unsafe.Add(base, dataOffset+uintptr(half)*Size)),
		toReader: h.Bell[half], toWriter: h.Bell[1-half],
	}
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
	f.wake(ReaderWaits, f.toReader)
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
	f.wake(ReaderWaits, f.toReader)
	f.wake(WriterWaits, f.toWriter)
}
