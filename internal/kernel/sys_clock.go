package kernel

import (
	"time"

	"golang.org/x/sys/unix"
)

// started is a time not after any process's start.
var started = time.Now()

// Clock numbers of Linux's <linux/time.h>.
const (
	clockRealtime        = 0
	clockMonotonic       = 1
	clockProcessCputime  = 2
	clockThreadCputime   = 3
	clockMonotonicRaw    = 4
	clockRealtimeCoarse  = 5
	clockMonotonicCoarse = 6
	clockBoottime        = 7
)

// clockNow reads a clock. A process is a thread of the host, so its processor time is the thread's.
func clockNow(id int32) (time.Duration, int32) {
	var host int32
	switch id {
	case clockRealtime, clockRealtimeCoarse:
		return time.Duration(time.Now().UnixNano()), 0
	case clockMonotonic, clockMonotonicRaw, clockMonotonicCoarse, clockBoottime:
		host = unix.CLOCK_MONOTONIC
	case clockProcessCputime, clockThreadCputime:
		host = unix.CLOCK_THREAD_CPUTIME_ID
	default:
		return 0, EINVAL
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(host, &ts); err != nil {
		return 0, errnoOf(err)
	}
	return time.Duration(ts.Nano()), 0
}

func (p *Process) clockGettime(a *[6]int32) int32 {
	b, ok := p.mem.bytes(uint32(a[1]), sizeofTimespec)
	if !ok {
		return -EFAULT
	}
	d, e := clockNow(a[0])
	if e != 0 {
		return -e
	}
	putTimespec(b, d)
	return 0
}

func (p *Process) clockGetres(a *[6]int32) int32 {
	if _, e := clockNow(a[0]); e != 0 {
		return -e
	}
	if a[1] == 0 {
		return 0
	}
	b, ok := p.mem.bytes(uint32(a[1]), sizeofTimespec)
	if !ok {
		return -EFAULT
	}
	putTimespec(b, 1)
	return 0
}

func putTimespec(b []byte, d time.Duration) {
	put64(b, 0, int64(d/time.Second))
	put64(b, 8, int64(d%time.Second))
}

// clockNanosleep(clock, flags, *request, *remain) sleeps until the time has passed or a signal is deliverable.
func (p *Process) clockNanosleep(a *[6]int32) int32 {
	const timerAbstime = 1
	d, e := p.timespec(a[2])
	if e != 0 {
		return -e
	}
	if a[1]&timerAbstime != 0 {
		now, e := clockNow(a[0])
		if e != 0 {
			return -e
		}
		d = max(d-now, 0)
	}
	deadline := time.Now().Add(d)
	for {
		_, woken, e := p.block(nil, deadline)
		left := time.Until(deadline)
		if e != 0 {
			if e == EINTR && a[3] != 0 && a[1]&timerAbstime == 0 {
				b, ok := p.mem.bytes(uint32(a[3]), sizeofTimespec)
				if !ok {
					return -EFAULT
				}
				putTimespec(b, max(left, 0))
			}
			return -e
		}
		if !woken || left <= 0 {
			return 0
		}
	}
}

// deadline reads a relative timeout, struct timespec of two 64-bit fields, at addr; 0 is no timeout.
func (p *Process) deadline(addr int32) (time.Time, int32) {
	if addr == 0 {
		return time.Time{}, 0
	}
	d, e := p.timespec(addr)
	if e != 0 {
		return time.Time{}, e
	}
	return time.Now().Add(d), 0
}

func (p *Process) timespec(addr int32) (time.Duration, int32) {
	b, ok := p.mem.bytes(uint32(addr), sizeofTimespec)
	if !ok {
		return 0, EFAULT
	}
	sec, nsec := i64(b, 0), int64(i32(b, 8))
	if sec < 0 || nsec < 0 || nsec >= 1e9 {
		return 0, EINVAL
	}
	const longest = 1 << 32 // seconds; longer is for ever, and would overflow a Duration
	return time.Duration(min(sec, longest))*time.Second + time.Duration(nsec), 0
}
