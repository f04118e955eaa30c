package kernel

import (
	"crypto/rand"
	"runtime"
	"time"
)

// exitGroup ends the process with an exit code.
func (p *Process) exitGroup(a *[6]int32) int32 {
	p.exit(Status{Code: int(a[0]) & 0xff})
	return 0
}

// args (private call 5002) fills a buffer with argc, argv, NULL, environ, NULL, the auxiliary vector and the
// strings they point to, as Linux lays out a new stack. It returns the size needed.
func (p *Process) args(a *[6]int32) int32 {
	const atNull, atPagesz, atHwcap = 0, 6, 16
	words := 1 + len(p.argv) + 1 + len(p.env) + 1 + 6
	size := words * 4
	for _, list := range [][]string{p.argv, p.env} {
		for _, s := range list {
			size += len(s) + 1
		}
	}
	if a[0] == 0 || int(a[1]) < size {
		return int32(size)
	}
	b, ok := p.mem.bytes(uint32(a[0]), uint32(size))
	if !ok {
		return -EFAULT
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
	word(atPagesz)
	word(4096)
	word(atHwcap)
	word(hwcap)
	word(atNull)
	word(0)
	return int32(size)
}

// hwcap says of the processor what guest_barrier.h wants to know.
var hwcap = map[string]uint32{"amd64": hwcapTSO}[runtime.GOARCH]

const hwcapTSO = 1

// spawn (private call 5004) starts a program: spawn(argv, fds[3] or 0, environ or 0). The child gets the
// descriptors that are not close-on-exec, the working directory, the signal mask and the process group.
func (p *Process) spawn(a *[6]int32) int32 {
	argv, e := p.mem.strs(uint32(a[0]))
	if e != 0 {
		return -e
	}
	if len(argv) == 0 {
		return -EINVAL
	}
	env := p.env
	if a[2] != 0 {
		if env, e = p.mem.strs(uint32(a[2])); e != 0 {
			return -e
		}
	}
	var fds *[3]int32
	if a[1] != 0 {
		b, ok := p.mem.bytes(uint32(a[1]), 12)
		if !ok {
			return -EFAULT
		}
		fds = &[3]int32{i32(b, 0), i32(b, 4), i32(b, 8)}
	}
	child, err := newProcess(p.k, argv, env, p.cwd)
	if err != nil {
		return -errnoOf(err)
	}
	child.umask = p.umask
	if p.words != nil {
		child.blocked = p.words.blocked
	}
	if e := p.inherit(child, fds); e != 0 {
		child.release()
		return -e
	}
	if e := child.start(p); e != 0 {
		return -e
	}
	return int32(child.pid)
}

// wait4(pid, *status, options, *rusage): pid > 0 waits for that child, else for any.
func (p *Process) wait4(a *[6]int32) int32 {
	const wnohang = 1
	for {
		pid, status, e := p.reap(int(a[0]))
		if e != 0 {
			return -e
		}
		if pid != 0 {
			if a[1] != 0 {
				b, ok := p.mem.bytes(uint32(a[1]), 4)
				if !ok {
					return -EFAULT
				}
				put32(b, 0, status.wait())
			}
			return int32(pid)
		}
		if a[2]&wnohang != 0 {
			return 0
		}
		// A child that ends from now on signals the event, whether its SIGCHLD is blocked or not.
		if _, _, e := p.block(nil, time.Time{}); e != 0 {
			return -e
		}
	}
}

// reap removes an ended child from the table and returns its id; 0 if none has ended yet.
func (p *Process) reap(want int) (int, Status, int32) {
	k := p.k
	k.mu.Lock()
	defer k.mu.Unlock()
	any := false
	for pid, c := range k.mu.procs {
		if c.parent != p || want > 0 && pid != want {
			continue
		}
		any = true
		if c.state == zombie {
			delete(k.mu.procs, pid)
			return pid, c.status, 0
		}
	}
	if !any {
		return 0, Status{}, ECHILD
	}
	return 0, Status{}, 0
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
		limit = LaneFDs
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

func (p *Process) uname(a *[6]int32) int32 {
	b, ok := p.mem.bytes(uint32(a[0]), sizeofUtsname)
	if !ok {
		return -EFAULT
	}
	clear(b)
	copy(b[offUtsnameSysname:], "Linux")
	copy(b[offUtsnameNodename:offUtsnameRelease-1], p.k.cfg.Hostname)
	copy(b[offUtsnameRelease:], "6.0")
	copy(b[offUtsnameVersion:], "embeddedpg")
	copy(b[offUtsnameMachine:], "wasm32")
	return 0
}

func (p *Process) sysinfo(a *[6]int32) int32 {
	b, ok := p.mem.bytes(uint32(a[0]), sizeofSysinfo)
	if !ok {
		return -EFAULT
	}
	clear(b)
	const unit = 4096
	total, free := totalMemory()
	put32(b, offSysinfoUptime, int32(time.Since(started)/time.Second)+1)
	putU32(b, offSysinfoTotalram, uint32(total/unit))
	putU32(b, offSysinfoFreeram, uint32(free/unit))
	putU32(b, offSysinfoMemUnit, unit)
	return 0
}

// schedGetaffinity reports one bit per processor of the host program.
func (p *Process) schedGetaffinity(a *[6]int32) int32 {
	b, ok := p.mem.bytes(uint32(a[2]), uint32(a[1]))
	if !ok {
		return -EFAULT
	}
	var mask [16]byte
	for i := range min(runtime.GOMAXPROCS(0), len(mask)*8) {
		mask[i/8] |= 1 << (i % 8)
	}
	if len(b) < len(mask) {
		return -EINVAL
	}
	return int32(copy(b, mask[:]))
}

func (p *Process) schedYield(*[6]int32) int32 {
	runtime.Gosched()
	return 0
}

// getrandom gives at most 1 MiB at a time, so that a signal need not wait for gigabytes. Linux has a limit of 32 MiB.
func (p *Process) getrandom(a *[6]int32) int32 {
	b, ok := p.mem.bytes(uint32(a[0]), min(uint32(a[1]), 1<<20))
	if !ok {
		return -EFAULT
	}
	rand.Read(b) // never fails
	return int32(len(b))
}
