package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
)

const (
	hammerWorkers, hammerRounds = 6, 150
	hammerKey                   = 99 // of the shared memory: a semaphore, at 64 a counter, at 128 the workers' ids
)

// TestHammer runs processes that do everything at once to each other: they take turns at a counter under a semaphore
// in shared memory, talk through pipes, wait by poll, signal their siblings, and start and reap children. Nothing may
// be lost, and nothing may hang.
func TestHammer(t *testing.T) {
	if testing.Short() {
		t.Skip("some seconds of everything at once")
	}
	before := countFDs(t)
	k := newKernel(t, map[string]program{
		"/bin/main":   hammerMain,
		"/bin/worker": hammerWorker,
		"/bin/echo": func(g *guest, argv []string) int {
			var fd, word uint32
			fmt.Sscan(argv[1], &fd)
			fmt.Sscan(argv[2], &word)
			p := g.alloc(4)
			g.put32(p, word)
			for g.sys(abi.SYS_write, fd, p, 4) != 4 {
				g.clearPending(^uint32(0))
			}
			return 0
		},
		"/bin/block": func(g *guest, _ []string) int {
			for {
				g.sys(abi.SYS_futex_time64, g.alloc(4), 0, 0, 0)
				g.clearPending(^uint32(0))
			}
		},
	})
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/main"}})
	if err != nil {
		t.Fatal(err)
	}
	if st := p.Wait(); st != (kernel.Status{}) {
		t.Errorf("main ended with %+v", st)
	}
	if left := k.Processes(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	k.Close()
	if after := countFDs(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// hammerMain starts the workers and waits for them.
func hammerMain(g *guest, _ []string) int {
	id := g.must(abi.SYS_shmget, hammerKey, 1<<16, 0o1600)
	at := g.must(abi.SYS_shmat, id, 0, 0)
	g.semPost(at) // the semaphore that guards the counter at+64
	pids := at + 128
	var children []uint32
	for i := range uint32(hammerWorkers) {
		pid := g.spawn("/bin/worker", fmt.Sprint(at), fmt.Sprint(i))
		g.put32(pids+4*i, pid)
		children = append(children, pid)
	}
	for _, pid := range children {
		if st := g.wait(pid); st != 0 {
			g.t.Errorf("worker %d ended with %#x", pid, st)
		}
	}
	if got := g.u32(at + 64); got != hammerWorkers*hammerRounds {
		g.t.Errorf("the counter is %d, want %d", got, hammerWorkers*hammerRounds)
	}
	return 0
}

// hammerWorker counts, and in each round does one thing more.
func hammerWorker(g *guest, argv []string) int {
	var at, self uint32
	fmt.Sscan(argv[1], &at)
	fmt.Sscan(argv[2], &self)
	g.must(abi.SYS_shmat, g.must(abi.SYS_shmget, hammerKey, 0, 0), at, 0)
	rng := rand.New(rand.NewPCG(1, uint64(self)))
	fds := g.alloc(8)
	g.must(abi.SYS_pipe2, fds, 0)
	pipe := hammerPipe{guest: g, in: g.u32(fds), out: g.u32(fds + 4), buf: g.alloc(4096), ts: g.alloc(16), poll: g.alloc(8)}
	for round := range uint32(hammerRounds) {
		for g.semWait(at) != 0 {
			g.clearPending(^uint32(0))
		}
		// No atomic operation: the semaphore alone keeps others away.
		g.put32(at+64, g.u32(at+64)+1)
		g.semPost(at)
		switch rng.IntN(4) {
		case 0: // a signal to a sibling, which may not exist yet or any more
			if pid := g.u32(at + 128 + 4*uint32(rng.IntN(hammerWorkers))); pid != 0 {
				g.sys(abi.SYS_kill, pid, abi.SIGUSR1)
			}
		case 1:
			pipe.child(round)
		case 2:
			pipe.wait()
		case 3: // a child that is killed, blocked or not
			pid := g.spawn("/bin/block")
			if rng.IntN(2) == 0 {
				g.sys(abi.SYS_sched_yield)
			}
			g.must(abi.SYS_kill, pid, abi.SIGKILL)
			if st := g.wait(pid); st&0x7f != abi.SIGKILL {
				g.t.Errorf("a killed child ended with %#x", st)
			}
		}
	}
	return 0
}

// hammerPipe is a worker's pipe to itself and its children, with memory for its calls.
type hammerPipe struct {
	*guest
	in, out, buf, ts, poll uint32
}

// child has a child answer through the pipe.
func (p hammerPipe) child(round uint32) {
	pid := p.spawn("/bin/echo", fmt.Sprint(p.out), fmt.Sprint(round))
	for p.sys(abi.SYS_read, p.in, p.buf, 4) != 4 {
		p.clearPending(^uint32(0))
	}
	if p.u32(p.buf) != round {
		p.t.Errorf("a child of round %d says %d", round, p.u32(p.buf))
	}
	if st := p.guest.wait(pid); st != 0 {
		p.t.Errorf("child ended with %#x", st)
	}
}

// wait polls for what does not come, and for what is there.
func (p hammerPipe) wait() {
	p.put32(p.poll, p.in)
	p.put32(p.poll+4, 1) // POLLIN
	p.put32(p.ts, 0)
	p.put32(p.ts+8, 1e6)
	if ret := p.sys(abi.SYS_ppoll_time64, p.poll, 1, p.ts, 0); ret > 0 {
		p.t.Error("an empty pipe can be read")
	}
	p.clearPending(^uint32(0))
	p.must(abi.SYS_write, p.out, p.buf, 8)
	for p.sys(abi.SYS_ppoll_time64, p.poll, 1, 0, 0) != 1 {
		p.clearPending(^uint32(0))
	}
	if ret := p.sys(abi.SYS_read, p.in, p.buf, 8); ret != 8 {
		p.t.Errorf("read = %d", ret)
	}
}
