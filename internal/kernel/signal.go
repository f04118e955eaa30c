package kernel

// Posting signals and waking who sleeps. A signal is a bit in a word of the target's own memory.
// The poster sets it, then looks at what the target waits for; the target says what it waits for,
// then looks at the word: one of the two sees the other, as all of it is sequentially consistent.
// Posting by Go holds Kernel.mu, so that the target's memory is there; posting by C counts itself
// into the slot (fastpath.go). Handlers run in the guest's libc, never here.

import (
	"sync/atomic"
	"time"
	"unsafe"

	"nself.org/embeddedpg/internal/abi"
)

// signalWords is what a guest registers: the kernel ORs into pending, the guest owns blocked.
type signalWords struct {
	pending uint32
	blocked uint32
}

var (
	_ = [1]struct{}{}[unsafe.Sizeof(signalWords{})-abi.SizeofSigwords] // these compile only if the differences are 0
	_ = [1]struct{}{}[unsafe.Offsetof(signalWords{}.pending)-abi.OffSigwordsPending]
	_ = [1]struct{}{}[unsafe.Offsetof(signalWords{}.blocked)-abi.OffSigwordsBlocked]
)

func bit(sig int) uint32 { return 1 << (sig - 1) }

// postLocked makes sig pending for p and wakes it if it blocks. sig 0 or an ended process: nothing.
func (p *Process) postLocked(sig int) {
	if p.state != running || sig < 1 || sig > 32 {
		return
	}
	if sig == abi.SIGKILL && p.reaper == nil {
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

// reapByForce holds no lock while it kills: the machine takes its own. Kill of a process that has ended meanwhile
// does nothing.
func (p *Process) reapByForce() {
	p.k.mu.Lock()
	lives := p.state == running
	p.k.mu.Unlock()
	if m, ok := p.module.(Killer); ok && lives {
		if err := m.Kill(p); err != nil {
			p.k.cfg.Log.Error("kill a process that makes no system call", "pid", p.pid, "error", err)
		}
	}
}

// wakeLocked ends the sleep of p, if it sleeps, so that it looks again at what it waits for.
func (p *Process) wakeLocked() {
	if p.words == nil || p.fast == nil {
		return
	}
	switch atomic.LoadUint32(&p.fast.Waiting) {
	case WaitPoll:
		p.event.signal()
	case WaitFutex:
		wakeWord(&p.words.pending)
	}
}

// deliverable reports whether a signal is pending that the guest does not block. Called on p's thread.
func (p *Process) deliverable() bool {
	w := p.words
	return w != nil && atomic.LoadUint32(&w.pending)&(^atomic.LoadUint32(&w.blocked)|bit(abi.SIGKILL)) != 0
}

func (p *Process) killed() bool {
	w := p.words
	return w != nil && atomic.LoadUint32(&w.pending)&bit(abi.SIGKILL) != 0
}
