package ring

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Available tells that this system has what rings need. Elsewhere New fails.
const Available = true

func newBell() (int32, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return int32(fd), err
}

// ringBell makes a bell readable. It never blocks, so the scheduler need not know of the call: the goroutine
// keeps its P, which in a busy program it would have to wait for. EAGAIN: it is readable already.
func ringBell(bell int32) {
	one := uint64(1)
	_, _, _ = unix.RawSyscall(unix.SYS_WRITE, uintptr(bell), uintptr(unsafe.Pointer(&one)), 8)
}

// drainBell makes a bell not readable.
func drainBell(bell int32) {
	var n uint64
	_, _, _ = unix.RawSyscall(unix.SYS_READ, uintptr(bell), uintptr(unsafe.Pointer(&n)), 8)
}

// waitWord sleeps while the word has the value, at most ns. Like ringBell it keeps the P.
func waitWord(word *uint32, value uint32, ns int64) {
	const futexWaitPrivate = 0 | 128 // <linux/futex.h>
	ts := unix.NsecToTimespec(ns)
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWaitPrivate, uintptr(value), uintptr(unsafe.Pointer(&ts)), 0, 0)
}

func wakeWord(word *uint32) {
	const futexWakePrivate = 1 | 128
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWakePrivate, 1, 0, 0, 0)
}

func closeBell(bell int32) { unix.Close(int(bell)) }

func newMemory() ([]byte, error) {
	return unix.Mmap(-1, 0, memorySize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
}

func freeMemory(b []byte) { _ = unix.Munmap(b) }

func clocks() (time.Time, int64) {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return time.Now(), 0
	}
	return time.Now(), ts.Nano()
}
