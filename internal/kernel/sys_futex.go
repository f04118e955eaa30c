package kernel

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// Operations of futex, from Linux's <linux/futex.h>.
const (
	futexWait        = 0
	futexWake        = 1
	futexPrivateFlag = 128
)

// futex serves futex_time64(addr, op, val, timeout, ...) for FUTEX_WAIT and FUTEX_WAKE, which are all that
// musl's semaphores and locks use in a process of one thread. A wait ends with EINTR when a deliverable
// signal is posted.
func (p *Process) futex(a *[6]int32) int32 {
	b, ok := p.mem.bytes(uint32(a[0]), 4)
	if !ok {
		return -EFAULT
	}
	if a[0]%4 != 0 {
		return -EINVAL
	}
	word := (*uint32)(unsafe.Pointer(&b[0]))
	switch a[1] &^ futexPrivateFlag {
	case futexWait:
		deadline, e := p.deadline(a[3])
		if e != 0 {
			return -e
		}
		return p.futexWait(word, uint32(a[2]), deadline)
	case futexWake:
		return hostFutexWake(word, a[2])
	}
	return -ENOSYS
}

// futexWait returns 0 when it was woken, perhaps for no reason, as FUTEX_WAIT may.
func (p *Process) futexWait(word *uint32, val uint32, deadline time.Time) int32 {
	if p.words == nil {
		return -ENOSYS
	}
	atomic.StoreUint32(&p.fast.Waiting, WaitFutex)
	defer atomic.StoreUint32(&p.fast.Waiting, WaitNone)
	for {
		pending := atomic.LoadUint32(&p.words.pending)
		if p.deliverable() {
			return -EINTR
		}
		if atomic.LoadUint32(word) != val {
			return -EAGAIN
		}
		again, e := hostFutexWait(word, val, &p.words.pending, pending, deadline)
		if !again {
			return -e
		}
	}
}
