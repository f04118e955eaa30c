package kernel

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/ring"
)

// pollBuffer is a process's scratch space for poll, so that a wait allocates nothing.
type pollBuffer struct {
	fds []unix.PollFd
}

// block sleeps until one of fds is ready, a deliverable signal is pending (EINTR), the deadline has passed (a zero
// deadline never does) or something else woke the process. n is the number of ready fds; woken tells that
// the caller should look again at what it waits for.
func (p *Process) block(fds []unix.PollFd, deadline time.Time) (n int, woken bool, e int32) {
	all := append(p.poll.fds[:0], fds...)
	all = append(all, unix.PollFd{Fd: int32(p.event.r), Events: unix.POLLIN})
	p.poll.fds = all
	wake := &all[len(fds)]

	atomic.StoreUint32(&p.lane.Waiting, WaitPoll)
	defer atomic.StoreUint32(&p.lane.Waiting, WaitNone)
	for {
		if p.deliverable() {
			return 0, false, EINTR
		}
		timeout := time.Duration(-1)
		if !deadline.IsZero() {
			timeout = max(time.Until(deadline), 0)
		}
		n, err := hostPoll(all, timeout)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, false, errnoOf(err)
		}
		if wake.Revents != 0 {
			p.event.drain()
			n--
			if n == 0 && p.deliverable() {
				return 0, false, EINTR
			}
			woken = true
		}
		copy(fds, all)
		return n, woken, 0
	}
}

// waitReady blocks until events are ready on a host descriptor, or a signal is deliverable.
func (p *Process) waitReady(fd int, events int16) (int16, int32) {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		n, _, e := p.block(fds[:], time.Time{})
		if e != 0 {
			return 0, e
		}
		if n > 0 {
			return fds[0].Revents, 0
		}
	}
}

// ppoll serves ppoll_time64(fds, n, timeout, mask, masksize). A signal mask is not supported: musl's poll and
// PostgreSQL pass none.
func (p *Process) ppoll(a *[6]int32) int32 {
	if a[3] != 0 {
		return -ENOSYS
	}
	n := uint32(a[1])
	if n > LaneFDs {
		return -EINVAL
	}
	guest, ok := p.mem.bytes(uint32(a[0]), n*sizeofPollfd)
	if !ok {
		return -EFAULT
	}
	deadline, e := p.deadline(a[2])
	if e != 0 {
		return -e
	}
	return p.pollAll(guest, deadline)
}

// pollAll waits for one of the guest's pollfds, and sets the results in them.
func (p *Process) pollAll(guest []byte, deadline time.Time) int32 {
	n := uint32(len(guest) / sizeofPollfd)
	fds := make([]unix.PollFd, n)
	rings := make([]*ring.Guest, n)
	ready := int32(0)
	for i := range fds {
		g := guest[i*sizeofPollfd:]
		put16(g, offPollfdRevents, 0)
		fds[i].Fd = -1
		fd := i32(g, offPollfdFd)
		if fd < 0 {
			continue
		}
		events := int16(u16(g, offPollfdEvents))
		f := p.file(fd)
		if f == nil {
			put16(g, offPollfdRevents, unix.POLLNVAL)
			ready++
			continue
		}
		if s, ok := f.object.(*stream); ok && s.ring != nil {
			rings[i] = s.ring
			defer s.ring.Disarm()
		}
		host := f.readiness()
		if host < 0 {
			if r := events & (unix.POLLIN | unix.POLLOUT); r != 0 {
				put16(g, offPollfdRevents, uint16(r))
				ready++
			}
			continue
		}
		fds[i] = unix.PollFd{Fd: int32(host), Events: events}
		if rings[i] != nil {
			fds[i].Events = unix.POLLIN // of the bell
		}
	}
	for {
		look := ready > 0
		for i, r := range rings {
			if r != nil {
				events := int16(u16(guest[i*sizeofPollfd:], offPollfdEvents))
				r.Disarm()
				r.Arm(events)
				look = look || r.Ready(events) != 0
			}
		}
		if look {
			deadline = time.Now() // something is ready already: only look at the rest
		}
		n, woken, e := p.block(fds, deadline)
		if e != 0 {
			if ready > 0 {
				return ready
			}
			return -e
		}
		last := !deadline.IsZero() && !time.Now().Before(deadline)
		if n == 0 && woken && !last {
			continue
		}
		for i := range fds {
			r := fds[i].Revents
			if fds[i].Fd < 0 {
				continue
			}
			if rings[i] != nil {
				r = rings[i].Ready(int16(u16(guest[i*sizeofPollfd:], offPollfdEvents)))
			}
			if r != 0 {
				put16(guest[i*sizeofPollfd:], offPollfdRevents, uint16(r))
				ready++
			}
		}
		if ready > 0 || last || n == 0 {
			return ready
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
