package ring

import (
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
	unix.RawSyscall(unix.SYS_WRITE, uintptr(bell), uintptr(unsafe.Pointer(&one)), 8)
}

// drainBell makes a bell not readable.
func drainBell(bell int32) {
	var n uint64
	unix.RawSyscall(unix.SYS_READ, uintptr(bell), uintptr(unsafe.Pointer(&n)), 8)
}

func closeBell(bell int32) { unix.Close(int(bell)) }

func newMemory() ([]byte, error) {
	return unix.Mmap(-1, 0, memorySize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
}

func freeMemory(b []byte) { unix.Munmap(b) }
