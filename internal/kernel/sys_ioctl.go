package kernel

// Requests of ioctl for terminals that are served, from Linux's <asm-generic/ioctls.h>, with the size of what
// they point to.
var ttyRequests = map[int32]uint32{
	0x5401: 36, // TCGETS
	0x5402: 36, // TCSETS
	0x5403: 36, // TCSETSW
	0x5404: 36, // TCSETSF
	0x5413: 8,  // TIOCGWINSZ
	0x540f: 4,  // TIOCGPGRP
}

// ioctl serves the requests by which a program asks for and sets the modes of a terminal it was given.
func (p *Process) ioctl(a *[6]int32) int32 {
	f := p.file(a[0])
	if f == nil {
		return -EBADF
	}
	size, ok := ttyRequests[a[1]]
	if !ok {
		return -ENOTTY
	}
	b, ok := p.mem.bytes(uint32(a[2]), size)
	if !ok {
		return -EFAULT
	}
	switch o := f.object.(type) {
	case *stream:
		if o.kind == streamTTY {
			return -hostTTY(o.fd, a[1], b)
		}
	case *disk:
		if fd := o.file.Fd(); fd >= 0 && !o.dir {
			return -hostTTY(fd, a[1], b)
		}
	}
	return -ENOTTY
}
