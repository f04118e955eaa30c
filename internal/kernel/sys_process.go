package kernel

// Calls about the process itself: end, ids, groups, limits, usage.

import (
	"time"

	"nself.org/embeddedpg/internal/abi"
)

// exitGroup ends the process with an exit code.
func (p *Process) exitGroup(a *[6]int32) (int32, abi.Errno) {
	p.exit(Status{Code: int(a[0]) & 0xff})
	return 0, 0
}

func (p *Process) getpid(*[6]int32) (int32, abi.Errno) { return int32(p.pid), 0 }

func (p *Process) getppid(*[6]int32) (int32, abi.Errno) {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	if p.parent == nil {
		return 1, 0
	}
	return int32(p.parent.pid), 0
}

func (p *Process) getuid(*[6]int32) (int32, abi.Errno) { return int32(p.k.cfg.UID), 0 }

func (p *Process) setsid(*[6]int32) (int32, abi.Errno) {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	p.pgid = p.pid
	return int32(p.pid), 0
}

func (p *Process) setpgid(a *[6]int32) (int32, abi.Errno) {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	q := p
	if a[0] != 0 && int(a[0]) != p.pid {
		if q = p.k.mu.procs[int(a[0])]; q == nil || q.parent != p {
			return 0, abi.ESRCH
		}
	}
	q.pgid = int(a[1])
	if a[1] == 0 {
		q.pgid = q.pid
	}
	return 0, 0
}

func (p *Process) getpgid(a *[6]int32) (int32, abi.Errno) {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	if q := p.k.mu.procs[int(a[0])]; a[0] != 0 {
		if q == nil {
			return 0, abi.ESRCH
		}
		return int32(q.pgid), 0
	}
	return int32(p.pgid), 0
}

// prctl serves PR_SET_PDEATHSIG, by which PostgreSQL's children learn that the postmaster has died, and
// PR_SET_NAME, whose name nothing shows.
func (p *Process) prctl(a *[6]int32) (int32, abi.Errno) {
	switch a[0] {
	case abi.PR_SET_PDEATHSIG:
		if a[1] < 0 || a[1] > 32 {
			return 0, abi.EINVAL
		}
		p.k.mu.Lock()
		defer p.k.mu.Unlock()
		p.deathSig = int(a[1])
		return 0, 0
	case abi.PR_SET_NAME:
		return 0, 0
	}
	return 0, abi.EINVAL
}

// prlimit64(pid, resource, *new, *old) tells the limits; they cannot be changed.
func (p *Process) prlimit(a *[6]int32) (int32, abi.Errno) {
	const infinity = ^uint64(0)
	if a[2] != 0 {
		return 0, abi.EPERM
	}
	if a[3] == 0 {
		return 0, 0
	}
	b, ok := p.mem.bytes(uint32(a[3]), abi.SizeofRlimit)
	if !ok {
		return 0, abi.EFAULT
	}
	limit := infinity
	switch a[1] {
	case abi.RLIMIT_STACK:
		limit = abi.StackSize
	case abi.RLIMIT_NOFILE:
		limit = FastPathFDs
	}
	put64(b, abi.OffRlimitCur, int64(limit))
	put64(b, abi.OffRlimitMax, int64(limit))
	return 0, 0
}

func (p *Process) getrusage(a *[6]int32) (int32, abi.Errno) {
	b, ok := p.mem.bytes(uint32(a[1]), abi.SizeofRusage)
	if !ok {
		return 0, abi.EFAULT
	}
	clear(b)
	if a[0] == abi.RUSAGE_CHILDREN {
		return 0, 0
	}
	user, system := threadTimes()
	put32(b, abi.OffRusageUtimeSec, int32(user/time.Second))
	put32(b, abi.OffRusageUtimeUsec, int32(user%time.Second/time.Microsecond))
	put32(b, abi.OffRusageStimeSec, int32(system/time.Second))
	put32(b, abi.OffRusageStimeUsec, int32(system%time.Second/time.Microsecond))
	return 0, 0
}
