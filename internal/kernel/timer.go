package kernel

// ITIMER_REAL. Guarded by Kernel.mu; a timer of Go's that fires late, after it was set again, is
// known by its generation and ignored.

import (
	"time"

	"nself.org/embeddedpg/internal/abi"
)

// timer is a process's ITIMER_REAL.
type timer struct {
	t        *time.Timer
	deadline time.Time
	interval time.Duration
	gen      int // of the last setting, so that a late firing of an earlier one is ignored
}

func (t *timer) stop() {
	t.gen++
	t.deadline = time.Time{}
	if t.t != nil {
		t.t.Stop()
	}
}

// setitimer sets ITIMER_REAL. The structure is Linux's old one for 32 bits, which musl uses.
func (p *Process) setitimer(a *[6]int32) (int32, abi.Errno) {
	if a[0] != abi.ITIMER_REAL {
		return 0, abi.EINVAL
	}
	in, ok := p.mem.bytes(uint32(a[1]), abi.SizeofItimerval)
	if !ok {
		return 0, abi.EFAULT
	}
	interval := timeval(in, abi.OffItimervalIntervalSec, abi.OffItimervalIntervalUsec)
	value := timeval(in, abi.OffItimervalValueSec, abi.OffItimervalValueUsec)
	var old []byte
	if a[2] != 0 {
		if old, ok = p.mem.bytes(uint32(a[2]), abi.SizeofItimerval); !ok {
			return 0, abi.EFAULT
		}
	}
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	if old != nil {
		p.timer.put(old)
	}
	p.timer.stop()
	if value <= 0 {
		return 0, 0
	}
	p.timer.interval = interval
	p.armLocked(value)
	return 0, 0
}

func (p *Process) getitimer(a *[6]int32) (int32, abi.Errno) {
	out, ok := p.mem.bytes(uint32(a[1]), abi.SizeofItimerval)
	if !ok {
		return 0, abi.EFAULT
	}
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	p.timer.put(out)
	return 0, 0
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
	p.postLocked(abi.SIGALRM)
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
	put32(b, abi.OffItimervalIntervalSec, int32(t.interval/time.Second))
	put32(b, abi.OffItimervalIntervalUsec, int32(t.interval%time.Second/time.Microsecond))
	put32(b, abi.OffItimervalValueSec, int32(left/time.Second))
	put32(b, abi.OffItimervalValueUsec, int32(left%time.Second/time.Microsecond))
}

// timeval reads a time of seconds and microseconds.
func timeval(b []byte, sec, usec int) time.Duration {
	return time.Duration(i32(b, sec))*time.Second + time.Duration(i32(b, usec))*time.Microsecond
}
