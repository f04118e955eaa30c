package kernel

// Starting a process from a process, and what it is told at its start. The child is filled by the
// parent's thread before its own exists, so neither needs a lock.

import (
	"runtime"

	"nself.org/embeddedpg/internal/abi"
)

// args (private call 5002) fills a buffer with argc, argv, NULL, environ, NULL, the auxiliary vector and the
// strings they point to, as Linux lays out a new stack. It returns the size needed.
func (p *Process) args(a *[6]int32) (int32, abi.Errno) {
	words := 1 + len(p.argv) + 1 + len(p.env) + 1 + 6
	size := words * 4
	for _, list := range [][]string{p.argv, p.env} {
		for _, s := range list {
			size += len(s) + 1
		}
	}
	if a[0] == 0 || int(a[1]) < size {
		return int32(size), 0
	}
	b, ok := p.mem.bytes(uint32(a[0]), uint32(size))
	if !ok {
		return 0, abi.EFAULT
	}
	at, str := 0, words*4
	word := func(v uint32) {
		putU32(b, at, v)
		at += 4
	}
	word(uint32(len(p.argv)))
	for _, list := range [][]string{p.argv, p.env} {
		for _, s := range list {
			word(uint32(a[0]) + uint32(str))
			str += copy(b[str:], s)
			b[str] = 0
			str++
		}
		word(0)
	}
	word(abi.AT_PAGESZ)
	word(abi.PageSize)
	word(abi.AT_HWCAP)
	word(hwcap)
	word(abi.AT_NULL)
	word(0)
	return int32(size), 0
}

// hwcap says of the processor what guest_barrier.h wants to know.
var hwcap = map[string]uint32{"amd64": abi.GUEST_HWCAP_TSO}[runtime.GOARCH]

// spawn (private call 5004) starts a program: spawn(argv, fds[3] or 0, environ or 0). The child gets the
// descriptors that are not close-on-exec, the working directory, the signal mask and the process group.
func (p *Process) spawn(a *[6]int32) (int32, abi.Errno) {
	argv, e := p.mem.strs(uint32(a[0]))
	if e != 0 {
		return 0, e
	}
	if len(argv) == 0 {
		return 0, abi.EINVAL
	}
	env := p.env
	if a[2] != 0 {
		if env, e = p.mem.strs(uint32(a[2])); e != 0 {
			return 0, e
		}
	}
	var fds *[3]int32
	if a[1] != 0 {
		b, ok := p.mem.bytes(uint32(a[1]), 12)
		if !ok {
			return 0, abi.EFAULT
		}
		fds = &[3]int32{i32(b, 0), i32(b, 4), i32(b, 8)}
	}
	child, err := newProcess(p.k, argv, env, p.cwd)
	if err != nil {
		p.k.refused(argv, err)
		return 0, errnoOf(err)
	}
	child.umask = p.umask
	if p.words != nil {
		child.blocked = p.words.blocked
	}
	if e := p.inherit(child, fds); e != 0 {
		child.release()
		return 0, e
	}
	if e := child.start(p); e != 0 {
		return 0, e
	}
	return int32(child.pid), 0
}
