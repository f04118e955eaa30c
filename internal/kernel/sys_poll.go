package kernel

// poll. Rings are asked before and after they are armed, so that what comes in between is not
// missed; a signal wins over a wait, what is ready over a signal.

import (
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/ring"
)

// ppoll serves ppoll_time64(fds, n, timeout, mask, masksize). A signal mask is not supported: musl's poll and
// PostgreSQL pass none.
func (p *Process) ppoll(a *[6]int32) (int32, abi.Errno) {
	if a[3] != 0 {
		return 0, abi.ENOSYS
	}
	n := uint32(a[1])
	if n > FastPathFDs {
		return 0, abi.EINVAL
	}
	guest, ok := p.mem.bytes(uint32(a[0]), n*abi.SizeofPollfd)
	if !ok {
		return 0, abi.EFAULT
	}
	deadline, e := p.deadline(a[2])
	if e != 0 {
		return 0, e
	}
	return p.pollAll(guest, deadline)
}

// pollAll waits for one of the guest's pollfds, and sets the results in them.
func (p *Process) pollAll(guest []byte, deadline time.Time) (int32, abi.Errno) {
	n := uint32(len(guest) / abi.SizeofPollfd)
	fds := make([]unix.PollFd, n)
	rings := make([]*ring.Guest, n)
	ready := int32(0)
	for i := range fds {
		g := guest[i*abi.SizeofPollfd:]
		put16(g, abi.OffPollfdRevents, 0)
		fds[i].Fd = -1
		fd := i32(g, abi.OffPollfdFd)
		if fd < 0 {
			continue
		}
		events := int16(u16(g, abi.OffPollfdEvents))
		f := p.file(fd)
		if f == nil {
			put16(g, abi.OffPollfdRevents, unix.POLLNVAL)
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
				put16(g, abi.OffPollfdRevents, uint16(r))
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
				events := int16(u16(guest[i*abi.SizeofPollfd:], abi.OffPollfdEvents))
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
				return ready, 0
			}
			return 0, e
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
				r = rings[i].Ready(int16(u16(guest[i*abi.SizeofPollfd:], abi.OffPollfdEvents)))
			}
			if r != 0 {
				put16(guest[i*abi.SizeofPollfd:], abi.OffPollfdRevents, uint16(r))
				ready++
			}
		}
		if ready > 0 || last || n == 0 {
			return ready, 0
		}
	}
}
