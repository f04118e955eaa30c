package kernel

import (
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"
)

// Signal numbers the kernel itself uses, as in Linux's generic <asm/signal.h>.
const (
	SIGHUP  = 1
	SIGINT  = 2
	SIGQUIT = 3
	SIGABRT = 6
	SIGKILL = 9
	SIGUSR1 = 10
	SIGSEGV = 11
	SIGUSR2 = 12
	SIGALRM = 14
	SIGTERM = 15
	SIGCHLD = 17
)

// signalWords is what a guest registers: the kernel ORs into pending, the guest owns blocked.
type signalWords struct {
	pending uint32
	blocked uint32
}

func bit(sig int) uint32 { return 1 << (sig - 1) }

// postLocked makes sig pending for p and wakes it if it blocks. sig 0 or an ended process: nothing.
func (p *Process) postLocked(sig int) {
	if p.state != running || sig < 1 || sig > 32 {
		return
	}
	if sig == SIGKILL && p.reaper == nil {
		p.reaper = time.AfterFunc(killDelay, p.reapByForce)
	}
	if p.words == nil {
		p.early |= bit(sig)
		return
	}
	atomic.OrUint32(&p.words.pending, bit(sig))
	p.wakeLocked()
}

// killDelay is how long a process may take to notice SIGKILL at a system call or at PostgreSQL's
// CHECK_FOR_INTERRUPTS, before its instance is ended by force.
const killDelay = 100 * time.Millisecond

func (p *Process) reapByForce() {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	if p.state != running {
		return
	}
	if m, ok := p.module.(Killer); ok {
		if err := m.Kill(p); err != nil {
			p.k.cfg.Log.Error("kill a process that makes no system call", "pid", p.pid, "error", err)
		}
	}
}

// wakeLocked ends the sleep of p, if it sleeps, so that it looks again at what it waits for.
func (p *Process) wakeLocked() {
	if p.words == nil || p.lane == nil {
		return
	}
	switch atomic.LoadUint32(&p.lane.Waiting) {
	case WaitPoll:
		p.event.signal()
	case WaitFutex:
		wakeWord(&p.words.pending)
	}
}

// deliverable reports whether a signal is pending that the guest does not block. Called on p's thread.
func (p *Process) deliverable() bool {
	w := p.words
	return w != nil && atomic.LoadUint32(&w.pending)&(^atomic.LoadUint32(&w.blocked)|bit(SIGKILL)) != 0
}

func (p *Process) killed() bool {
	w := p.words
	return w != nil && atomic.LoadUint32(&w.pending)&bit(SIGKILL) != 0
}

// sigreg (private call 5000): the guest names its signal words.
func (p *Process) sigreg(a *[6]int32) int32 {
	b, ok := p.mem.bytes(uint32(a[0]), 8)
	if !ok || uint32(a[0])%4 != 0 {
		return -EFAULT
	}
	w := (*signalWords)(unsafe.Pointer(&b[0]))
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	atomic.StoreUint32(&w.blocked, p.blocked)
	atomic.OrUint32(&w.pending, p.early)
	p.early = 0
	p.words = w
	atomic.StoreUintptr(&p.lane.Sig, uintptr(unsafe.Pointer(w)))
	p.showPost()
	return 0
}

// slot returns the process's entry of the table by which C code posts signals, or nil if its id has none.
func (p *Process) slot() *PostSlot {
	if p.pid >= PostSlots {
		return nil
	}
	return (*PostSlot)(unsafe.Pointer(&p.k.post[p.pid*int(unsafe.Sizeof(PostSlot{}))]))
}

func (p *Process) showPost() {
	if s := p.slot(); s != nil && p.k.lane == 0 {
		atomic.StoreUintptr(&s.Lane, uintptr(unsafe.Pointer(p.lane)))
	}
}

// hidePost ends posting by C code and waits until nobody does any more.
func (p *Process) hidePost() {
	s := p.slot()
	if s == nil {
		return
	}
	atomic.StoreUintptr(&s.Lane, 0)
	for atomic.LoadUint32(&s.Users) != 0 {
		runtime.Gosched()
	}
}

// exitsig (private call 5001): the default action of a signal ends the process.
func (p *Process) exitsig(a *[6]int32) int32 {
	p.exit(Status{Signal: int(a[0]) & 0x7f})
	return 0
}

// sigwait (private call 5003): blocks until a deliverable signal is pending.
func (p *Process) sigwait(*[6]int32) int32 {
	for !p.deliverable() {
		if _, _, e := p.block(nil, time.Time{}); e != 0 {
			return -e
		}
	}
	return -EINTR
}

func (p *Process) kill(a *[6]int32) int32 {
	pid, sig := int(a[0]), int(a[1])
	if sig < 0 || sig > 64 {
		return -EINVAL
	}
	k := p.k
	k.mu.Lock()
	defer k.mu.Unlock()
	if pid > 0 {
		q := k.mu.procs[pid]
		if q == nil {
			return -ESRCH
		}
		q.postLocked(sig)
		return 0
	}
	group := -pid
	if pid == 0 {
		group = p.pgid
	}
	ret := int32(-ESRCH)
	for _, q := range k.mu.procs {
		if q.pgid == group {
			q.postLocked(sig)
			ret = 0
		}
	}
	return ret
}

func (p *Process) tkill(a *[6]int32) int32 { return p.kill(a) }

func (p *Process) tgkill(a *[6]int32) int32 { return p.kill(&[6]int32{a[1], a[2]}) }

// setitimer sets ITIMER_REAL. The structure is Linux's old one for 32 bits, which musl uses:
// {interval seconds, microseconds, value seconds, microseconds}, each a 32-bit long.
func (p *Process) setitimer(a *[6]int32) int32 {
	if a[0] != 0 {
		return -EINVAL
	}
	in, ok := p.mem.bytes(uint32(a[1]), 16)
	if !ok {
		return -EFAULT
	}
	interval := time.Duration(i32(in, 0))*time.Second + time.Duration(i32(in, 4))*time.Microsecond
	value := time.Duration(i32(in, 8))*time.Second + time.Duration(i32(in, 12))*time.Microsecond
	var old []byte
	if a[2] != 0 {
		if old, ok = p.mem.bytes(uint32(a[2]), 16); !ok {
			return -EFAULT
		}
	}
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	if old != nil {
		p.timer.put(old)
	}
	p.timer.stop()
	if value <= 0 {
		return 0
	}
	p.timer.interval = interval
	p.armLocked(value)
	return 0
}

func (p *Process) getitimer(a *[6]int32) int32 {
	out, ok := p.mem.bytes(uint32(a[1]), 16)
	if !ok {
		return -EFAULT
	}
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	p.timer.put(out)
	return 0
}

func (p *Process) armLocked(d time.Duration) {
	t := &p.timer
	gen := t.gen
	t.deadline = time.Now().Add(d)
	t.t = time.AfterFunc(d, func() { p.fire(gen) })
}

// fire posts SIGALRM for the setting gen of the timer, and arms it again if it is periodic.
func (p *Process) fire(gen int) {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	if p.timer.gen != gen || p.state != running {
		return
	}
	p.timer.deadline = time.Time{}
	p.postLocked(SIGALRM)
	if p.timer.interval > 0 {
		p.armLocked(p.timer.interval)
	}
}

// put writes the timer as getitimer does.
func (t *timer) put(b []byte) {
	left := time.Duration(0)
	if !t.deadline.IsZero() {
		left = max(time.Until(t.deadline), time.Microsecond)
	}
	put32(b, 0, int32(t.interval/time.Second))
	put32(b, 4, int32(t.interval%time.Second/time.Microsecond))
	put32(b, 8, int32(left/time.Second))
	put32(b, 12, int32(left%time.Second/time.Microsecond))
}
