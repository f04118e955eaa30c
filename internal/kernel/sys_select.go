package kernel

// select, made of poll.

import (
	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
)

// pselect serves pselect6_time64(n, read, write, except, timeout, mask) by poll. The guest's libc changes signal
// masks itself. Pollable exceptions are urgent data, which no socket here has.
func (p *Process) pselect(a *[6]int32) (int32, abi.Errno) {
	n := a[0]
	if n < 0 || n > abi.FD_SETSIZE {
		return 0, abi.EINVAL
	}
	var sets [3][]byte // read, write, except; nil where the guest gives none
	for i := range sets {
		if a[1+i] == 0 {
			continue
		}
		b, ok := p.mem.bytes(uint32(a[1+i]), uint32(n+31)/32*4)
		if !ok {
			return 0, abi.EFAULT
		}
		sets[i] = b
	}
	deadline, e := p.deadline(a[4])
	if e != 0 {
		return 0, e
	}

	has := func(i int, fd int32) bool { return sets[i] != nil && sets[i][fd/8]&(1<<(fd%8)) != 0 }
	wanted := [3]uint16{unix.POLLIN, unix.POLLOUT, unix.POLLPRI}
	var polls []byte
	for fd := range n {
		events := uint16(0)
		for i := range sets {
			if has(i, fd) {
				events |= wanted[i]
			}
		}
		if events == 0 {
			continue
		}
		var one [abi.SizeofPollfd]byte
		put32(one[:], abi.OffPollfdFd, fd)
		put16(one[:], abi.OffPollfdEvents, events)
		polls = append(polls, one[:]...)
	}
	if _, e := p.pollAll(polls, deadline); e != 0 {
		return 0, e
	}

	// An end or an error makes a descriptor readable and writable: nothing there would block.
	counts := [3]uint16{unix.POLLIN | unix.POLLHUP | unix.POLLERR, unix.POLLOUT | unix.POLLERR, unix.POLLPRI}
	ready := int32(0)
	for ; len(polls) > 0; polls = polls[abi.SizeofPollfd:] {
		fd, revents := i32(polls, abi.OffPollfdFd), u16(polls, abi.OffPollfdRevents)
		if revents&unix.POLLNVAL != 0 {
			return 0, abi.EBADF
		}
		for i := range sets {
			if !has(i, fd) {
				continue
			}
			if revents&counts[i] != 0 {
				ready++
			} else {
				sets[i][fd/8] &^= 1 << (fd % 8)
			}
		}
	}
	return ready, 0
}
