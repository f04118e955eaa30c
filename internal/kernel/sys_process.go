package kernel

import (
	"time"
)

// exitGroup ends the process with an exit code.
func (p *Process) exitGroup(a *[6]int32) int32 {
	p.exit(Status{Code: int(a[0]) & 0xff})
	return 0
}

func (p *Process) getpid(*[6]int32) int32 { return int32(p.pid) }

func (p *Process) getppid(*[6]int32) int32 {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	if p.parent == nil {
		return 1
	}
	return int32(p.parent.pid)
}

func (p *Process) getuid(*[6]int32) int32 { return int32(p.k.cfg.UID) }

func (p *Process) setsid(*[6]int32) int32 {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	p.pgid = p.pid
	return int32(p.pid)
}

func (p *Process) setpgid(a *[6]int32) int32 {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	q := p
	if a[0] != 0 && int(a[0]) != p.pid {
		if q = p.k.mu.procs[int(a[0])]; q == nil || q.parent != p {
			return -ESRCH
		}
	}
	q.pgid = int(a[1])
	if a[1] == 0 {
		q.pgid = q.pid
	}
	return 0
}

func (p *Process) getpgid(a *[6]int32) int32 {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	if q := p.k.mu.procs[int(a[0])]; a[0] != 0 {
		if q == nil {
			return -ESRCH
		}
		return int32(q.pgid)
	}
	return int32(p.pgid)
}

// prctl serves PR_SET_PDEATHSIG, by which PostgreSQL's children learn that the postmaster has died, and
// PR_SET_NAME, whose name nothing shows.
func (p *Process) prctl(a *[6]int32) int32 {
	const prSetPdeathsig, prSetName = 1, 15
	switch a[0] {
	case prSetPdeathsig:
		if a[1] < 0 || a[1] > 32 {
			return -EINVAL
		}
		p.k.mu.Lock()
		defer p.k.mu.Unlock()
		p.deathSig = int(a[1])
		return 0
	case prSetName:
		return 0
	}
	return -EINVAL
}

// prlimit64(pid, resource, *new, *old) tells the limits; they cannot be changed.
func (p *Process) prlimit(a *[6]int32) int32 {
	const rlimitStack, rlimitNofile = 3, 7
	const infinity = ^uint64(0)
	if a[2] != 0 {
		return -EPERM
	}
	if a[3] == 0 {
		return 0
	}
	b, ok := p.mem.bytes(uint32(a[3]), sizeofRlimit)
	if !ok {
		return -EFAULT
	}
	limit := infinity
	switch a[1] {
	case rlimitStack:
		limit = stackSize
	case rlimitNofile:
		limit = FastPathFDs
	}
	put64(b, offRlimitCur, int64(limit))
	put64(b, offRlimitMax, int64(limit))
	return 0
}

// stackSize is the shadow stack that wasm/ links into every program (-z stack-size).
const stackSize = 4 << 20

func (p *Process) getrusage(a *[6]int32) int32 {
	b, ok := p.mem.bytes(uint32(a[1]), sizeofRusage)
	if !ok {
		return -EFAULT
	}
	clear(b)
	if a[0] < 0 { // RUSAGE_CHILDREN
		return 0
	}
	user, system := threadTimes()
	put32(b, offRusageUtimeSec, int32(user/time.Second))
	put32(b, offRusageUtimeUsec, int32(user%time.Second/time.Microsecond))
	put32(b, offRusageStimeSec, int32(system/time.Second))
	put32(b, offRusageStimeUsec, int32(system%time.Second/time.Microsecond))
	return 0
}
