package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
)

// TestHammer runs processes that do everything at once to each other: they take turns at a counter under a semaphore
// in shared memory, talk through pipes, wait by poll, signal their siblings, and start and reap children. Nothing may
// be lost, and nothing may hang.
func TestHammer(t *testing.T) {
	const (
		workers, rounds = 6, 150
		key             = 99
	)
	if testing.Short() {
		t.Skip("some seconds of everything at once")
	}
	before := countFDs(t)
	k := newKernel(t, map[string]program{
		"/bin/main": func(g *guest, _ []string) int {
			id := g.must(abi.SYS_shmget, key, 1<<16, 0o1600)
			at := g.must(abi.SYS_shmat, id, 0, 0)
			g.semPost(at) // the semaphore that guards the counter at+64
			pids := at + 128
			var children []uint32
			for i := range uint32(workers) {
				pid := g.spawn("/bin/worker", fmt.Sprint(at), fmt.Sprint(i))
				g.put32(pids+4*i, pid)
				children = append(children, pid)
			}
			for _, pid := range children {
				if st := g.wait(pid); st != 0 {
					t.Errorf("worker %d ended with %#x", pid, st)
				}
			}
			if got := g.u32(at + 64); got != workers*rounds {
				t.Errorf("the counter is %d, want %d", got, workers*rounds)
			}
			return 0
		},
		"/bin/worker": func(g *guest, argv []string) int {
			var at, self uint32
			fmt.Sscan(argv[1], &at)
			fmt.Sscan(argv[2], &self)
			g.must(abi.SYS_shmat, g.must(abi.SYS_shmget, key, 0, 0), at, 0)
			rng := rand.New(rand.NewPCG(1, uint64(self)))
			fds, buf, ts := g.alloc(8), g.alloc(4096), g.alloc(16)
			g.must(abi.SYS_pipe2, fds, 0)
			poll := g.alloc(8)
			for round := range uint32(rounds) {
				for g.semWait(at) != 0 {
					g.clearPending(^uint32(0))
				}
				// No atomic operation: the semaphore alone keeps others away.
				g.put32(at+64, g.u32(at+64)+1)
				g.semPost(at)
				switch rng.IntN(4) {
				case 0: // a signal to a sibling, which may not exist yet or any more
					if pid := g.u32(at + 128 + 4*uint32(rng.IntN(workers))); pid != 0 {
						g.sys(abi.SYS_kill, pid, abi.SIGUSR1)
					}
				case 1: // a child that answers through the pipe
					pid := g.spawn("/bin/echo", fmt.Sprint(g.u32(fds+4)), fmt.Sprint(round))
					for g.sys(abi.SYS_read, g.u32(fds), buf, 4) != 4 {
						g.clearPending(^uint32(0))
					}
					if g.u32(buf) != round {
						t.Errorf("a child of round %d says %d", round, g.u32(buf))
					}
					if st := g.wait(pid); st != 0 {
						t.Errorf("child ended with %#x", st)
					}
				case 2: // poll for what is there, and for what does not come
					g.put32(poll, g.u32(fds))
					g.put32(poll+4, 1) // POLLIN
					g.put32(ts, 0)
					g.put32(ts+8, 1e6)
					if ret := g.sys(abi.SYS_ppoll_time64, poll, 1, ts, 0); ret > 0 {
						t.Error("an empty pipe can be read")
					}
					g.clearPending(^uint32(0))
					g.must(abi.SYS_write, g.u32(fds+4), buf, 8)
					for g.sys(abi.SYS_ppoll_time64, poll, 1, 0, 0) != 1 {
						g.clearPending(^uint32(0))
					}
					if ret := g.sys(abi.SYS_read, g.u32(fds), buf, 8); ret != 8 {
						t.Errorf("read = %d", ret)
					}
				case 3: // a child that is killed, blocked or not
					pid := g.spawn("/bin/block")
					if rng.IntN(2) == 0 {
						g.sys(abi.SYS_sched_yield)
					}
					g.must(abi.SYS_kill, pid, abi.SIGKILL)
					if st := g.wait(pid); st&0x7f != abi.SIGKILL {
						t.Errorf("a killed child ended with %#x", st)
					}
				}
			}
			return 0
		},
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
