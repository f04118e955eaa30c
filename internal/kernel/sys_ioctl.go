package kernel

// ioctl, of terminals.

import "nself.org/embeddedpg/internal/abi"

// ttyRequests are the requests of ioctl for terminals that are served, with the size of what they point to.
var ttyRequests = map[int32]uint32{
	abi.TCGETS:     36,
	abi.TCSETS:     36,
	abi.TCSETSW:    36,
	abi.TCSETSF:    36,
	abi.TIOCGWINSZ: 8,
	abi.TIOCGPGRP:  4,
}

// ioctl serves the requests by which a program asks for and sets the modes of a terminal it was given.
func (p *Process) ioctl(a *[6]int32) (int32, abi.Errno) {
	f := p.file(a[0])
	if f == nil {
		return 0, abi.EBADF
	}
	size, ok := ttyRequests[a[1]]
	if !ok {
		return 0, abi.ENOTTY
	}
	b, ok := p.mem.bytes(uint32(a[2]), size)
	if !ok {
		return 0, abi.EFAULT
	}
	switch o := f.object.(type) {
	case *stream:
		if o.kind == streamTTY {
			return 0, hostTTY(o.fd, a[1], b)
		}
	case *disk:
		if fd := o.file.Fd(); fd >= 0 && !o.dir {
			return 0, hostTTY(fd, a[1], b)
		}
	}
	return 0, abi.ENOTTY
}
