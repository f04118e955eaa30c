package kernel

import (
	"nself.org/embeddedpg/internal/vfs"
)

func (p *Process) close(a *[6]int32) int32 {
	if p.file(a[0]) == nil {
		return -EBADF
	}
	p.closeFD(int(a[0]))
	return 0
}

func (p *Process) dup(a *[6]int32) int32 {
	f := p.file(a[0])
	if f == nil {
		return -EBADF
	}
	return p.install(f.ref(), false, 0)
}

func (p *Process) dup3(a *[6]int32) int32 {
	f, to := p.file(a[0]), a[1]
	if f == nil || to < 0 || int(to) >= len(p.fds) {
		return -EBADF
	}
	if a[0] == to {
		return -EINVAL
	}
	f.ref()
	p.closeFD(int(to))
	p.fds[to] = descriptor{f, uint32(a[2])&vfs.O_CLOEXEC != 0}
	p.showFastPath(int(to))
	return to
}

// Commands of fcntl, from Linux's generic <asm/fcntl.h>.
const (
	fDupfd        = 0
	fGetfd        = 1
	fSetfd        = 2
	fGetfl        = 3
	fSetfl        = 4
	fDupfdCloexec = 1030
)

func (p *Process) fcntl(a *[6]int32) int32 {
	f := p.file(a[0])
	if f == nil {
		return -EBADF
	}
	switch a[1] {
	case fDupfd, fDupfdCloexec:
		if a[2] < 0 || int(a[2]) >= len(p.fds) {
			return -EINVAL
		}
		return p.install(f.ref(), a[1] == fDupfdCloexec, a[2])
	case fGetfd:
		if p.fds[a[0]].cloexec {
			return 1
		}
		return 0
	case fSetfd:
		p.fds[a[0]].cloexec = a[2]&1 != 0
		return 0
	case fGetfl:
		return int32(f.flags.Load())
	case fSetfl:
		const settable = vfs.O_APPEND | vfs.O_NONBLOCK
		f.flags.Store(f.flags.Load()&^settable | uint32(a[2])&settable)
		p.showFastPath(int(a[0]))
		return 0
	}
	return -EINVAL
}
