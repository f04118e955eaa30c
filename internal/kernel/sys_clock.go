package kernel

// Calls of clocks and sleeps, and times in guest memory.

import (
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
)

// started is a time not after any process's start.
var started = time.Now()

// clockNow reads a clock. A process is a thread of the host, so its processor time is the thread's.
func clockNow(id int32) (time.Duration, abi.Errno) {
	var host int32
	switch id {
	case abi.CLOCK_REALTIME, abi.CLOCK_REALTIME_COARSE:
		return time.Duration(time.Now().UnixNano()), 0
	case abi.CLOCK_MONOTONIC, abi.CLOCK_MONOTONIC_RAW, abi.CLOCK_MONOTONIC_COARSE, abi.CLOCK_BOOTTIME:
		host = unix.CLOCK_MONOTONIC
	case abi.CLOCK_PROCESS_CPUTIME_ID, abi.CLOCK_THREAD_CPUTIME_ID:
		host = unix.CLOCK_THREAD_CPUTIME_ID
	default:
		return 0, abi.EINVAL
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(host, &ts); err != nil {
		return 0, errnoOf(err)
	}
	return time.Duration(ts.Nano()), 0
}

func (p *Process) clockGettime(a *[6]int32) (int32, abi.Errno) {
	b, ok := p.mem.bytes(uint32(a[1]), abi.SizeofTimespec)
	if !ok {
		return 0, abi.EFAULT
	}
	d, e := clockNow(a[0])
	if e != 0 {
		return 0, e
	}
	putTimespec(b, d)
	return 0, 0
}

func (p *Process) clockGetres(a *[6]int32) (int32, abi.Errno) {
	if _, e := clockNow(a[0]); e != 0 {
		return 0, e
	}
	if a[1] == 0 {
		return 0, 0
	}
	b, ok := p.mem.bytes(uint32(a[1]), abi.SizeofTimespec)
	if !ok {
		return 0, abi.EFAULT
	}
	putTimespec(b, 1)
	return 0, 0
}

func putTimespec(b []byte, d time.Duration) {
	put64(b, abi.OffTimespecSec, int64(d/time.Second))
	put64(b, abi.OffTimespecNsec, int64(d%time.Second))
}

// clockNanosleep(clock, flags, *request, *remain) sleeps until the time has passed or a signal is deliverable.
func (p *Process) clockNanosleep(a *[6]int32) (int32, abi.Errno) {
	switch a[0] {
	case abi.CLOCK_REALTIME, abi.CLOCK_MONOTONIC, abi.CLOCK_BOOTTIME:
	default: // a sleep by processor time is not served
		return 0, abi.EINVAL
	}
	d, e := p.timespec(a[2])
	if e != 0 {
		return 0, e
	}
	if a[1]&abi.TIMER_ABSTIME != 0 {
		now, e := clockNow(a[0])
		if e != 0 {
			return 0, e
		}
		d = max(d-now, 0)
	}
	deadline := time.Now().Add(d)
	for {
		_, woken, e := p.block(nil, deadline)
		left := time.Until(deadline)
		if e != 0 {
			if e == abi.EINTR && a[3] != 0 && a[1]&abi.TIMER_ABSTIME == 0 {
				b, ok := p.mem.bytes(uint32(a[3]), abi.SizeofTimespec)
				if !ok {
					return 0, abi.EFAULT
				}
				putTimespec(b, max(left, 0))
			}
			return 0, e
		}
		if !woken || left <= 0 {
			return 0, 0
		}
	}
}

// deadline reads a relative timeout, struct timespec of two 64-bit fields, at addr; 0 is no timeout.
func (p *Process) deadline(addr int32) (time.Time, abi.Errno) {
	if addr == 0 {
		return time.Time{}, 0
	}
	d, e := p.timespec(addr)
	if e != 0 {
		return time.Time{}, e
	}
	return time.Now().Add(d), 0
}

func (p *Process) timespec(addr int32) (time.Duration, abi.Errno) {
	b, ok := p.mem.bytes(uint32(addr), abi.SizeofTimespec)
	if !ok {
		return 0, abi.EFAULT
	}
	sec, nsec := i64(b, abi.OffTimespecSec), int64(i32(b, abi.OffTimespecNsec))
	if sec < 0 || nsec < 0 || nsec >= 1e9 {
		return 0, abi.EINVAL
	}
	const longest = 1 << 32 // seconds; longer is for ever, and would overflow a Duration
	return time.Duration(min(sec, longest))*time.Second + time.Duration(nsec), 0
}
