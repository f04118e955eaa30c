package kernel

// Calls on descriptors, whatever they stand for.

import (
	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

func (p *Process) close(a *[6]int32) (int32, abi.Errno) {
	if p.file(a[0]) == nil {
		return 0, abi.EBADF
	}
	p.closeFD(int(a[0]))
	return 0, 0
}

func (p *Process) dup(a *[6]int32) (int32, abi.Errno) {
	f := p.file(a[0])
	if f == nil {
		return 0, abi.EBADF
	}
	return p.install(f.ref(), false, 0)
}

func (p *Process) dup3(a *[6]int32) (int32, abi.Errno) {
	f, to := p.file(a[0]), a[1]
	if f == nil || to < 0 || int(to) >= len(p.fds) {
		return 0, abi.EBADF
	}
	if a[0] == to {
		return 0, abi.EINVAL
	}
	f.ref()
	p.closeFD(int(to))
	p.fds[to] = descriptor{f, uint32(a[2])&vfs.O_CLOEXEC != 0}
	p.showFastPath(int(to))
	return to, 0
}

func (p *Process) fcntl(a *[6]int32) (int32, abi.Errno) {
	f := p.file(a[0])
	if f == nil {
		return 0, abi.EBADF
	}
	switch a[1] {
	case abi.F_DUPFD, abi.F_DUPFD_CLOEXEC:
		if a[2] < 0 || int(a[2]) >= len(p.fds) {
			return 0, abi.EINVAL
		}
		return p.install(f.ref(), a[1] == abi.F_DUPFD_CLOEXEC, a[2])
	case abi.F_GETFD:
		if p.fds[a[0]].cloexec {
			return abi.FD_CLOEXEC, 0
		}
		return 0, 0
	case abi.F_SETFD:
		p.fds[a[0]].cloexec = a[2]&abi.FD_CLOEXEC != 0
		return 0, 0
	case abi.F_GETFL:
		return int32(f.flags.Load()), 0
	case abi.F_SETFL:
		const settable = vfs.O_APPEND | vfs.O_NONBLOCK
		f.flags.Store(f.flags.Load()&^settable | uint32(a[2])&settable)
		p.showFastPath(int(a[0]))
		return 0, 0
	}
	return 0, abi.EINVAL
}
