package kernel

// A process from start to end. Order: newProcess, start (an id, a thread), Begin, Syscall any
// number of times, Detach, End. Fields are the thread's own or Kernel.mu's, as Process says; only
// End makes a zombie, and only a parent's wait or end removes one from the table, or its own end
// if it has no parent. Done is closed last, when all is released.

import (
	"path"
	"strings"
	"time"
	"unsafe"

	"nself.org/embeddedpg/internal/abi"
)

// firstChildPid is the first id given to a process that is not the kernel's first; maxPid the last before
// ids are used again.
const (
	firstChildPid = 100
	maxPid        = 65535
)

type procState int

const (
	embryo procState = iota // not started
	running
	zombie // ended, not yet waited for
)

// Status is how a process ended.
type Status struct {
	Code   int // exit code, if Signal is 0
	Signal int // the signal that killed it, or 0
}

// wait encodes the status as wait4(2) does.
func (s Status) wait() int32 {
	return int32(s.Code&0xff)<<8 | int32(s.Signal&0x7f)
}

// Process is one guest process. Pid, Signal, Done and Wait are safe for concurrent use; the methods of Host are called
// by the process's Module on its own thread (see Host).
type Process struct {
	k    *Kernel
	pid  int
	argv []string
	env  []string
	done chan struct{} // closed when the process is gone

	// Of the process's own thread.
	mem    memory
	fast   *FastPath
	event  event // wakes the thread out of a poll
	fds    []descriptor
	cwd    string
	umask  uint32
	view   Opener // nil: Config.FS has all its files
	maps   []mapping
	libs   []library
	status Status
	exited bool
	poll   pollBuffer
	first  bool // it was started from outside

	// Guarded by Kernel.mu.
	state    procState
	parent   *Process // nil: the kernel itself
	pgid     int
	words    *signalWords // nil before registration and after the end
	early    uint32       // signals posted before registration
	blocked  uint32       // the mask the process is born with
	deathSig int          // posted to this process when its parent ends
	timer    timer
	module   Module
	reaper   *time.Timer // once SIGKILL is posted: kills the process if it does not notice by itself
}

func newProcess(k *Kernel, argv, env []string, dir string) (*Process, error) {
	ev, err := newEvent()
	if err != nil {
		return nil, err
	}
	return &Process{
		k: k, argv: argv, env: env, cwd: dir, umask: 0o077,
		event: ev, fds: make([]descriptor, FastPathFDs), done: make(chan struct{}),
	}, nil
}

// First reports whether the process was started from outside, by [Kernel.Run].
func (p *Process) First() bool { return p.first }

// Dialed reports whether a process that has not run yet was given a connection that the host program itself made.
func (p *Process) Dialed() bool {
	for _, d := range p.fds {
		if d.file == nil {
			continue
		}
		if s, ok := d.file.object.(*stream); ok && s.pushed && s.peer == inProcess {
			return true
		}
	}
	return false
}

// Pid returns the process id.
func (p *Process) Pid() int { return p.pid }

// Signal posts a signal to the process; one that has ended ignores it.
func (p *Process) Signal(sig int) {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	p.postLocked(sig)
}

// Done is closed when the process has ended and all it held is released.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait blocks until Done and returns how the process ended.
func (p *Process) Wait() Status {
	<-p.done
	return p.status
}

// start gives p an id and a thread. parent is nil for a process started from outside. On error p is released.
func (p *Process) start(parent *Process) abi.Errno {
	k := p.k
	m := k.cfg.Program(path.Clean(p.argv[0]))
	if m == nil {
		p.release()
		return abi.ENOENT
	}
	k.mu.Lock()
	if !k.roomForLocked(p.event.r) {
		k.mu.Unlock()
		k.refused(p.argv, hostError(abi.EMFILE))
		p.release()
		return abi.EMFILE
	}
	if k.mu.closed || !k.allocatePidLocked(p, parent) {
		k.mu.Unlock()
		p.release()
		return abi.EAGAIN
	}
	p.parent = parent
	p.first = parent == nil
	p.module = m
	p.pgid = p.pid
	if parent != nil {
		p.pgid = parent.pgid
	}
	p.state = running
	k.wg.Add(1)
	k.mu.Unlock()

	if k.cfg.View != nil {
		p.view = k.cfg.View(p)
	}
	heap := uint64(0)
	if k.cfg.Heap != nil {
		heap = k.cfg.Heap(p.argv)
	}
	if err := m.Start(p, heap); err != nil {
		k.refused(p.argv, err)
		k.mu.Lock()
		delete(k.mu.procs, p.pid)
		p.state = zombie
		k.mu.Unlock()
		p.release()
		k.wg.Done()
		return errnoOf(err)
	}
	return 0
}

// refused reports that a process could not start.
func (k *Kernel) refused(argv []string, err error) {
	k.cfg.Log.Error("start process", "argv", strings.Join(argv, " "), "error", err)
	if k.cfg.Refused != nil {
		k.cfg.Refused(argv)
	}
}

// allocatePidLocked enters p into the table: the kernel's first process under Config.Pid, the others under
// the next free id, so that an id is not used again soon.
func (k *Kernel) allocatePidLocked(p, parent *Process) bool {
	pid := k.cfg.Pid
	if parent != nil || k.mu.procs[pid] != nil {
		if len(k.mu.procs) > (maxPid-firstChildPid)/2 {
			return false
		}
		for {
			pid = k.mu.nextPid
			if k.mu.nextPid++; k.mu.nextPid > maxPid {
				k.mu.nextPid = firstChildPid
			}
			if k.mu.procs[pid] == nil && pid != k.cfg.Pid {
				break
			}
		}
	}
	p.pid = pid
	k.mu.procs[pid] = p
	return true
}

// release gives back what a process holds apart from its table entry.
func (p *Process) release() {
	for fd := range p.fds {
		p.closeFD(fd)
	}
	p.event.close()
}

// Begin implements Host.
func (p *Process) Begin(base unsafe.Pointer, fast *FastPath) {
	p.mem.base = base
	p.fast = fast
	fast.Pid = int32(p.pid)
	fast.WakeFD = int32(p.event.r)
	fast.Off = p.k.fastPathOff
	fast.Table = uintptr(unsafe.Pointer(&p.k.post[0]))
	for fd := range p.fds {
		if p.fds[fd].file != nil { // the others' entries are zero, and not touched they cost no memory
			p.showFastPath(fd)
		}
	}
}

// Detach implements Host: no signal is posted to the memory any more.
func (p *Process) Detach() {
	p.hidePost()
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	p.words = nil
	p.fast = nil
	p.timer.stop()
}

// End implements Host: the thread is about to go, its memory is gone.
func (p *Process) End(fault error) {
	k := p.k
	k.mu.Lock()
	if p.reaper != nil {
		p.reaper.Stop()
	}
	if fault != nil && !p.exited {
		p.status = Status{Signal: abi.SIGSEGV}
		if p.reaper != nil {
			p.status = Status{Signal: abi.SIGKILL}
		}
		k.cfg.Log.Error("process killed", "pid", p.pid, "argv", strings.Join(p.argv, " "), "fault", fault)
	}
	p.dropMappingsLocked()
	k.mu.Unlock()

	for fd := range p.fds {
		p.closeFD(fd)
	}

	k.mu.Lock()
	p.state = zombie
	if p.status.Signal != 0 {
		k.mu.crashes++
	}
	for pid, c := range k.mu.procs {
		if c.parent != p {
			continue
		}
		c.parent = nil
		if c.state == zombie {
			delete(k.mu.procs, pid)
		} else if c.deathSig != 0 {
			c.postLocked(c.deathSig)
		}
	}
	if p.parent == nil {
		delete(k.mu.procs, p.pid)
	} else {
		p.parent.postLocked(abi.SIGCHLD)
		if p.parent.state == running {
			p.parent.event.signal()
		}
	}
	k.mu.Unlock()
	p.event.close()
	close(p.done)
	k.wg.Done()
}

// Syscall implements Host.
func (p *Process) Syscall(size uint64, nr int32, a *[6]int32) (int32, bool) {
	p.mem.size = size
	ret, e := int32(0), abi.ENOSYS
	if row := rowOf(nr); row != nil {
		ret, e = row.serve(p, a)
	} else {
		p.k.cfg.Log.Debug("system call not supported", "nr", nr, "name", abi.SyscallName(nr), "pid", p.pid)
	}
	if !p.exited && p.killed() {
		p.exit(Status{Signal: abi.SIGKILL})
	}
	if e != 0 {
		ret = -int32(e)
	}
	return ret, p.exited
}

func (p *Process) exit(s Status) {
	p.exited = true
	p.status = s
}
