package kernel

// Calls about signals: where the guest has its words, posting, sleeping until one comes.

import (
	"math/bits"
	"sync/atomic"
	"time"
	"unsafe"

	"nself.org/embeddedpg/internal/abi"
)

// sigreg (private call 5000): the guest names its signal words.
func (p *Process) sigreg(a *[6]int32) (int32, abi.Errno) {
	b, ok := p.mem.bytes(uint32(a[0]), abi.SizeofSigwords)
	if !ok || uint32(a[0])%4 != 0 {
		return 0, abi.EFAULT
	}
	w := (*signalWords)(unsafe.Pointer(&b[0]))
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	atomic.StoreUint32(&w.blocked, p.blocked)
	atomic.OrUint32(&w.pending, p.early)
	p.early = 0
	p.words = w
	atomic.StoreUintptr(&p.fast.Sig, uintptr(unsafe.Pointer(w)))
	p.showPost()
	return 0, 0
}

// exitsig (private call 5001): the default action of a signal ends the process.
func (p *Process) exitsig(a *[6]int32) (int32, abi.Errno) {
	p.exit(Status{Signal: int(a[0]) & 0x7f})
	return 0, 0
}

// sigwait (private call 5003): blocks until a deliverable signal is pending.
func (p *Process) sigwait(*[6]int32) (int32, abi.Errno) {
	for !p.deliverable() {
		if _, _, e := p.block(nil, time.Time{}); e != 0 {
			return 0, e
		}
	}
	return 0, abi.EINTR
}

// rt_sigtimedwait(mask, info, timeout, size) takes a pending signal of the mask, which the guest blocks, and returns its number; it
// waits for one. Meanwhile those signals count as not blocked, so that whoever posts one wakes the process.
func (p *Process) sigtimedwait(a *[6]int32) (int32, abi.Errno) {
	if a[3] != sigsetSize {
		return 0, abi.EINVAL
	}
	b, ok := p.mem.bytes(uint32(a[0]), sigsetSize)
	if !ok || p.words == nil {
		return 0, abi.EFAULT
	}
	mask := uint32(i32(b, 0))
	info := []byte(nil)
	if a[1] != 0 {
		if info, ok = p.mem.bytes(uint32(a[1]), sizeofSiginfo); !ok {
			return 0, abi.EFAULT
		}
	}
	var deadline time.Time
	if a[2] != 0 {
		d, e := p.timespec(a[2])
		if e != 0 {
			return 0, e
		}
		deadline = time.Now().Add(d)
	}
	blocked := atomic.LoadUint32(&p.words.blocked)
	atomic.StoreUint32(&p.words.blocked, blocked&^mask)
	defer atomic.StoreUint32(&p.words.blocked, blocked)
	for {
		if p.killed() {
			return 0, abi.EINTR
		}
		if due := atomic.LoadUint32(&p.words.pending) & mask; due != 0 {
			sig := int32(bits.TrailingZeros32(due)) + 1
			atomic.AndUint32(&p.words.pending, ^bit(int(sig)))
			if info != nil {
				clear(info)
				put32(info, 0, sig) // si_signo
			}
			return sig, 0
		}
		if !deadline.IsZero() && !time.Now().Before(deadline) {
			return 0, abi.EAGAIN
		}
		if _, _, e := p.block(nil, deadline); e != 0 && atomic.LoadUint32(&p.words.pending)&mask == 0 {
			return 0, e
		}
	}
}

// sigsetSize and sizeofSiginfo are in bytes: _NSIG/8 in musl's sigtimedwait.c, and siginfo_t in its signal.h.
const (
	sigsetSize    = 8
	sizeofSiginfo = 128
)

func (p *Process) kill(a *[6]int32) (int32, abi.Errno) {
	pid, sig := int(a[0]), int(a[1])
	if sig < 0 || sig > 64 {
		return 0, abi.EINVAL
	}
	k := p.k
	k.mu.Lock()
	defer k.mu.Unlock()
	if pid > 0 {
		q := k.mu.procs[pid]
		if q == nil {
			return 0, abi.ESRCH
		}
		q.postLocked(sig)
		return 0, 0
	}
	group := -pid
	if pid == 0 {
		group = p.pgid
	}
	e := abi.ESRCH
	for _, q := range k.mu.procs {
		if q.pgid == group {
			q.postLocked(sig)
			e = 0
		}
	}
	return 0, e
}

func (p *Process) tkill(a *[6]int32) (int32, abi.Errno) { return p.kill(a) }

func (p *Process) tgkill(a *[6]int32) (int32, abi.Errno) { return p.kill(&[6]int32{a[1], a[2]}) }
