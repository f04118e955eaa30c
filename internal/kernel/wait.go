package kernel

// How a process sleeps. Everything that may block ends up here or in futexWait: both watch the
// object and the signals, signals first. The thread says WaitPoll before it looks at its signals;
// whoever posts looks afterwards (signal.go). A wake that comes too late leaves the event
// readable, and the next sleep ends once for nothing.

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
)

// pollBuffer is a process's scratch space for poll, so that a wait allocates nothing.
type pollBuffer struct {
	fds []unix.PollFd
}

// block sleeps until one of fds is ready, a deliverable signal is pending (EINTR), the deadline has passed (a zero
// deadline never does) or something else woke the process. n is the number of ready fds; woken tells that
// the caller should look again at what it waits for.
func (p *Process) block(fds []unix.PollFd, deadline time.Time) (n int, woken bool, e abi.Errno) {
	all := append(p.poll.fds[:0], fds...)
	all = append(all, unix.PollFd{Fd: int32(p.event.r), Events: unix.POLLIN})
	p.poll.fds = all
	wake := &all[len(fds)]

	atomic.StoreUint32(&p.fast.Waiting, WaitPoll)
	defer atomic.StoreUint32(&p.fast.Waiting, WaitNone)
	for {
		if p.deliverable() {
			return 0, false, abi.EINTR
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
				return 0, false, abi.EINTR
			}
			woken = true
		}
		copy(fds, all)
		return n, woken, 0
	}
}

// waitReady blocks until events are ready on a host descriptor, or a signal is deliverable.
func (p *Process) waitReady(fd int, events int16) (int16, abi.Errno) {
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

// waitStream blocks until events are ready, or a signal is deliverable.
func (p *Process) waitStream(s *stream, events int16) abi.Errno {
	if s.ring == nil {
		_, e := p.waitReady(s.fd, events)
		return e
	}
	defer s.ring.Disarm()
	for {
		s.ring.Arm(events)
		if s.ring.Ready(events) != 0 {
			return 0
		}
		if _, e := p.waitReady(s.ring.BellFD(), unix.POLLIN); e != 0 {
			return e
		}
		s.ring.Disarm()
	}
}
