package kernel

// Calls about signals: where the guest has its words, posting, sleeping until one comes.

import (
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
