package kernel

// Waiting for children. A child that ends signals its parent's event under Kernel.mu after it
// became a zombie: so a parent that found none and sleeps is woken, whether SIGCHLD is blocked or
// not.

import (
	"time"

	"nself.org/embeddedpg/internal/abi"
)

// wait4(pid, *status, options, *rusage): pid > 0 waits for that child, else for any.
func (p *Process) wait4(a *[6]int32) (int32, abi.Errno) {
	for {
		pid, status, e := p.reap(int(a[0]))
		if e != 0 {
			return 0, e
		}
		if pid != 0 {
			if a[1] != 0 {
				b, ok := p.mem.bytes(uint32(a[1]), 4)
				if !ok {
					return 0, abi.EFAULT
				}
				put32(b, 0, status.wait())
			}
			return int32(pid), 0
		}
		if a[2]&abi.WNOHANG != 0 {
			return 0, 0
		}
		// A child that ends from now on signals the event, whether its SIGCHLD is blocked or not.
		if _, _, e := p.block(nil, time.Time{}); e != 0 {
			return 0, e
		}
	}
}

// reap removes an ended child from the table and returns its id; 0 if none has ended yet.
func (p *Process) reap(want int) (int, Status, abi.Errno) {
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
		return 0, Status{}, abi.ECHILD
	}
	return 0, Status{}, 0
}
