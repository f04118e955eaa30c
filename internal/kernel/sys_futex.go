package kernel

// futex. The waiter's side of signal.go's agreement, with WaitFutex.

import (
	"sync/atomic"
	"time"
	"unsafe"

	"nself.org/embeddedpg/internal/abi"
)

// futex serves futex_time64(addr, op, val, timeout, ...) for FUTEX_WAIT and FUTEX_WAKE, which are all that
// musl's semaphores and locks use in a process of one thread. A wait ends with EINTR when a deliverable
// signal is posted.
func (p *Process) futex(a *[6]int32) (int32, abi.Errno) {
	b, ok := p.mem.bytes(uint32(a[0]), 4)
	if !ok {
		return 0, abi.EFAULT
	}
	if a[0]%4 != 0 {
		return 0, abi.EINVAL
	}
	word := (*uint32)(unsafe.Pointer(&b[0]))
	switch a[1] &^ abi.FUTEX_PRIVATE {
	case abi.FUTEX_WAIT, abi.FUTEX_WAIT | abi.FUTEX_CLOCK_REALTIME: // the timeout is relative: either clock measures it
		deadline, e := p.deadline(a[3])
		if e != 0 {
			return 0, e
		}
		return p.futexWait(word, uint32(a[2]), deadline)
	case abi.FUTEX_WAKE:
		return hostFutexWake(word, a[2])
	}
	return 0, abi.ENOSYS
}

// futexWait returns 0 when it was woken, perhaps for no reason, as FUTEX_WAIT may.
func (p *Process) futexWait(word *uint32, val uint32, deadline time.Time) (int32, abi.Errno) {
	if p.words == nil {
		return 0, abi.ENOSYS
	}
	atomic.StoreUint32(&p.fast.Waiting, WaitFutex)
	defer atomic.StoreUint32(&p.fast.Waiting, WaitNone)
	for {
		pending := atomic.LoadUint32(&p.words.pending)
		if p.deliverable() {
			return 0, abi.EINTR
		}
		if atomic.LoadUint32(word) != val {
			return 0, abi.EAGAIN
		}
		again, e := hostFutexWait(word, val, &p.words.pending, pending, deadline)
		if !again {
			return 0, e
		}
	}
}
