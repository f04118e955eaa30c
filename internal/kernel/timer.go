package kernel

import (
	"time"
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
