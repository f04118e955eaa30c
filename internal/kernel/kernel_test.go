package kernel_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vfs"
)

const (
	sigUSR1 = 1 << (abi.SIGUSR1 - 1)
	sigCHLD = 1 << (abi.SIGCHLD - 1)
	openRW  = 0o102 // O_CREAT | O_RDWR
	atCWD   = ^uint32(99)
)

func TestExit(t *testing.T) {
	st := run(t, map[string]program{"/bin/x": func(g *guest, argv []string) int { return len(argv) + 40 }}, "/bin/x", "a", "b")
	if st != (kernel.Status{Code: 43}) {
		t.Errorf("status %+v", st)
	}
}

// TestAuxiliaryVector: without its word the guest takes the processor for one with a weak memory order, which is slower and
// otherwise unnoticed; with it on such a processor, the guest's barriers would be none.
func TestAuxiliaryVector(t *testing.T) {
	const pageSize, hwcap, totalStoreOrder = 6, 16, 1 // AT_PAGESZ, AT_HWCAP; GUEST_HWCAP_TSO of wasm/port/include/guest_barrier.h
	want := map[uint32]uint32{pageSize: 4096, hwcap: 0}
	if runtime.GOARCH == "amd64" {
		want[hwcap] = totalStoreOrder
	}
	got := map[uint32]uint32{}
	run(t, map[string]program{"/bin/x": func(g *guest, _ []string) int {
		need := g.must(abi.SYS_args, 0, 0)
		p := g.alloc(need)
		g.must(abi.SYS_args, p, need)
		p += 4 + (g.u32(p)+1)*4
		for ; g.u32(p) != 0; p += 4 { // the environment
		}
		for p += 4; g.u32(p) != 0; p += 8 {
			got[g.u32(p)] = g.u32(p + 4)
		}
		return 0
	}}, "/bin/x", "a")
	if !maps.Equal(got, want) {
		t.Errorf("auxiliary vector %v, want %v", got, want)
	}
}

func TestRunUnknownProgram(t *testing.T) {
	k := newKernel(t, nil)
	if _, err := k.Run(kernel.Command{Argv: []string{"/bin/none"}}); err == nil {
		t.Error("an unknown program started")
	}
}

func TestFirstPidIsTheHosts(t *testing.T) {
	k := newKernel(t, map[string]program{"/bin/x": func(g *guest, _ []string) int {
		if pid := g.must(abi.SYS_getpid); int(pid) != os.Getpid() {
			t.Errorf("pid %d, host's is %d", pid, os.Getpid())
		}
		return 0
	}})
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}})
	if err != nil {
		t.Fatal(err)
	}
	p.Wait()
}

func TestSpawnAndWait(t *testing.T) {
	st := run(t, map[string]program{
		"/bin/parent": func(g *guest, _ []string) int {
			pid := g.spawn("/bin/child", "7")
			if st := g.wait(pid); st != 7<<8 {
				t.Errorf("child's wait status %#x", st)
			}
			if ret := g.sys(abi.SYS_wait4, ^uint32(0), 0, 0, 0); ret != -int32(abi.ECHILD) {
				t.Errorf("second wait4 = %d", ret)
			}
			return 0
		},
		"/bin/child": func(g *guest, argv []string) int { return int(argv[1][0] - '0') },
	}, "/bin/parent")
	if st.Code != 0 {
		t.Errorf("status %+v", st)
	}
}

// A wait must end when the child does, even if the parent blocks SIGCHLD.
func TestWaitWithSigchldBlocked(t *testing.T) {
	run(t, map[string]program{
		"/bin/parent": func(g *guest, _ []string) int {
			g.setBlocked(^uint32(0))
			for range 50 {
				g.wait(g.spawn("/bin/child"))
			}
			return 0
		},
		"/bin/child": func(g *guest, _ []string) int { return 0 },
	}, "/bin/parent")
}

func TestSignalInterruptsEveryWait(t *testing.T) {
	waits := map[string]func(g *guest) int32{
		"sigwait": func(g *guest) int32 { return g.sys(abi.SYS_sigwait) },
		"ppoll":   func(g *guest) int32 { return g.sys(abi.SYS_ppoll_time64, 0, 0, 0, 0) },
		"sleep": func(g *guest) int32 {
			ts := g.alloc(16)
			g.put32(ts, 3600)
			return g.sys(abi.SYS_clock_nanosleep_time64, 1, 0, ts, 0)
		},
		"futex": func(g *guest) int32 { return g.sys(abi.SYS_futex_time64, g.alloc(4), 0, 0, 0) },
		"read": func(g *guest) int32 {
			p := g.alloc(8)
			g.must(abi.SYS_pipe2, p, 0)
			return g.sys(abi.SYS_read, g.u32(p), g.alloc(8), 8)
		},
		"wait4": func(g *guest) int32 {
			g.spawn("/bin/sleep")
			return g.sys(abi.SYS_wait4, ^uint32(0), 0, 0, 0)
		},
	}
	for name, wait := range waits {
		for _, when := range []string{"before", "during"} {
			t.Run(name+"/"+when, func(t *testing.T) {
				k := newKernel(t, map[string]program{
					"/bin/x": func(g *guest, _ []string) int {
						g.setBlocked(sigCHLD)
						pid := g.must(abi.SYS_getpid)
						if when == "before" {
							g.must(abi.SYS_kill, pid, abi.SIGUSR1)
						} else {
							g.spawn("/bin/killer", fmt.Sprint(pid))
						}
						if ret := wait(g); ret != -int32(abi.EINTR) {
							t.Errorf("%s = %d, want -EINTR", name, ret)
						}
						if g.pending()&sigUSR1 == 0 {
							t.Error("SIGUSR1 is not pending")
						}
						return 0
					},
					"/bin/sleep": func(g *guest, _ []string) int { g.sys(abi.SYS_sigwait); return 0 },
					"/bin/killer": func(g *guest, argv []string) int {
						time.Sleep(20 * time.Millisecond)
						var pid uint32
						fmt.Sscan(argv[1], &pid)
						g.must(abi.SYS_kill, pid, abi.SIGUSR1)
						return 0
					},
				})
				p, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}})
				if err != nil {
					t.Fatal(err)
				}
				select {
				case <-p.Done():
				case <-time.After(10 * time.Second):
					t.Fatal("the wait was not interrupted")
				}
			})
		}
	}
}

func TestBlockedSignalDoesNotInterrupt(t *testing.T) {
	run(t, map[string]program{"/bin/x": func(g *guest, _ []string) int {
		g.setBlocked(sigUSR1)
		g.must(abi.SYS_kill, g.must(abi.SYS_getpid), abi.SIGUSR1)
		ts := g.alloc(16)
		g.put32(ts+8, 20e6)
		if ret := g.sys(abi.SYS_ppoll_time64, 0, 0, ts, 0); ret != 0 {
			t.Errorf("ppoll = %d, want a timeout", ret)
		}
		return 0
	}}, "/bin/x")
}

func TestSigtimedwait(t *testing.T) {
	run(t, map[string]program{"/bin/x": func(g *guest, _ []string) int {
		mask, info, ts := g.alloc(8), g.alloc(128), g.alloc(16)
		g.put32(mask, 1<<(abi.SIGALRM-1))
		g.put32(ts+8, 5e6)
		pid := g.must(abi.SYS_getpid)

		g.setBlocked(1 << (abi.SIGALRM - 1))
		g.fails(abi.EAGAIN, abi.SYS_rt_sigtimedwait_time64, mask, info, ts, 8)
		g.must(abi.SYS_kill, pid, abi.SIGALRM)
		g.want(abi.SIGALRM, abi.SYS_rt_sigtimedwait_time64, mask, info, 0, 8)
		if got := g.u32(info); got != abi.SIGALRM || g.pending() != 0 {
			t.Errorf("si_signo %d, pending %#x", got, g.pending())
		}
		it := g.alloc(16)
		g.put32(it+12, 10_000) // 10 ms
		g.must(abi.SYS_setitimer, 0, it, 0)
		g.want(abi.SIGALRM, abi.SYS_rt_sigtimedwait_time64, mask, info, 0, 8)

		// One that is not waited for ends the wait if it is not blocked; it stays.
		g.must(abi.SYS_kill, pid, abi.SIGUSR1)
		g.fails(abi.EINTR, abi.SYS_rt_sigtimedwait_time64, mask, 0, 0, 8)
		if g.pending() != sigUSR1 {
			t.Errorf("pending %#x", g.pending())
		}
		g.fails(abi.EINVAL, abi.SYS_rt_sigtimedwait_time64, mask, 0, 0, 16)
		g.fails(abi.EFAULT, abi.SYS_rt_sigtimedwait_time64, memSize, 0, 0, 8)
		return 0
	}}, "/bin/x")
}

func TestItimer(t *testing.T) {
	run(t, map[string]program{"/bin/x": func(g *guest, _ []string) int {
		it := g.alloc(16)
		g.put32(it+12, 10_000) // 10 ms
		start := time.Now()
		g.must(abi.SYS_setitimer, 0, it, 0)
		if ret := g.sys(abi.SYS_sigwait); ret != -int32(abi.EINTR) {
			t.Errorf("sigwait = %d", ret)
		}
		if d := time.Since(start); d < 9*time.Millisecond || d > 20*time.Second {
			t.Errorf("SIGALRM after %v", d)
		}
		g.clearPending(^uint32(0))
		g.put32(it+12, 5_000)
		g.must(abi.SYS_setitimer, 0, it, 0)
		g.put32(it+12, 0)
		g.must(abi.SYS_setitimer, 0, it, 0)
		time.Sleep(20 * time.Millisecond)
		if g.pending() != 0 {
			t.Error("a cancelled timer fired")
		}
		return 0
	}}, "/bin/x")
}

func TestKillEndsABlockedProcess(t *testing.T) {
	k := newKernel(t, map[string]program{"/bin/x": func(g *guest, _ []string) int {
		g.setBlocked(^uint32(0))
		for {
			g.sys(abi.SYS_ppoll_time64, 0, 0, 0, 0)
		}
	}})
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Millisecond)
	p.Signal(abi.SIGKILL)
	if st := p.Wait(); st.Signal != abi.SIGKILL {
		t.Errorf("status %+v", st)
	}
}

func TestParentDeathSignal(t *testing.T) {
	told := make(chan bool, 1)
	k := newKernel(t, map[string]program{
		"/bin/parent": func(g *guest, _ []string) int {
			g.spawn("/bin/child")
			time.Sleep(20 * time.Millisecond)
			return 0
		},
		"/bin/child": func(g *guest, _ []string) int {
			g.must(abi.SYS_prctl, 1, abi.SIGUSR1)
			g.sys(abi.SYS_sigwait)
			told <- g.pending()&sigUSR1 != 0 && g.sys(abi.SYS_getppid) == 1
			return 0
		},
	})
	if _, err := k.Run(kernel.Command{Argv: []string{"/bin/parent"}}); err != nil {
		t.Fatal(err)
	}
	select {
	case ok := <-told:
		if !ok {
			t.Error("the child was not told")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("no signal")
	}
}

// Guest pointers outside the memory are EFAULT, wherever they stand, and never touch the host.
func TestBadPointers(t *testing.T) {
	run(t, map[string]program{"/bin/x": func(g *guest, _ []string) int {
		fd := g.must(abi.SYS_openat, atCWD, g.str("/f"), openRW, 0o600)
		const bad, huge = memSize - 4, 0xffff_fff0
		p := g.alloc(64)
		for _, c := range []struct {
			name string
			nr   int32
			args []uint32
		}{
			{"read", abi.SYS_read, []uint32{fd, bad, 8}},
			{"read huge", abi.SYS_read, []uint32{fd, huge, 0xffff_ffff}},
			{"write", abi.SYS_write, []uint32{fd, bad, 8}},
			{"pread", abi.SYS_pread64, []uint32{fd, p, memSize, 0, 0}},
			{"readv", abi.SYS_readv, []uint32{fd, bad, 2}},
			{"openat", abi.SYS_openat, []uint32{atCWD, huge, 0, 0}},
			{"statx", abi.SYS_statx, []uint32{atCWD, g.str("/"), 0, 0, bad}},
			{"pipe2", abi.SYS_pipe2, []uint32{bad, 0}},
			{"ppoll", abi.SYS_ppoll_time64, []uint32{bad, 1, 0, 0}},
			{"futex", abi.SYS_futex_time64, []uint32{huge, 0, 0, 0}},
			{"clock", abi.SYS_clock_gettime64, []uint32{0, bad}},
			{"spawn", abi.SYS_spawn, []uint32{huge, 0, 0}},
			{"getrandom", abi.SYS_getrandom, []uint32{huge, 64}},
			{"uname", abi.SYS_uname, []uint32{bad}},
		} {
			if ret := g.sys(c.nr, c.args...); ret != -int32(abi.EFAULT) {
				t.Errorf("%s = %d, want -EFAULT", c.name, ret)
			}
		}
		return 0
	}}, "/bin/x")
}

func TestFilesAndDescriptors(t *testing.T) {
	run(t, map[string]program{"/bin/x": func(g *guest, _ []string) int {
		fd := g.must(abi.SYS_openat, atCWD, g.str("/f"), openRW, 0o600)
		data := g.str("hello")
		g.must(abi.SYS_write, fd, data, 5)
		dup := g.must(abi.SYS_dup, fd)
		out := g.alloc(16)
		g.must(abi.SYS__llseek, dup, 0, 1, out, 0)
		buf := g.alloc(16)
		if n := g.must(abi.SYS_read, fd, buf, 16); n != 4 || string(g.mem[buf:buf+4]) != "ello" {
			t.Errorf("read after a dup'ed seek: %d %q", n, g.mem[buf:buf+4])
		}
		g.must(abi.SYS_close, fd)
		if ret := g.sys(abi.SYS_read, fd, buf, 1); ret != -int32(abi.EBADF) {
			t.Errorf("read of a closed descriptor = %d", ret)
		}
		if n := g.must(abi.SYS_pread64, dup, buf, 16, 0, 0); n != 5 {
			t.Errorf("pread = %d", n)
		}
		var fds []uint32
		for {
			ret := g.sys(abi.SYS_dup, dup)
			if ret < 0 {
				if ret != -int32(abi.EMFILE) {
					t.Errorf("dup = %d", ret)
				}
				break
			}
			fds = append(fds, uint32(ret))
		}
		if len(fds) != kernel.FastPathFDs-4 {
			t.Errorf("%d descriptors to be had", len(fds))
		}
		return 0
	}}, "/bin/x")
}

func TestSharedMemoryBetweenProcesses(t *testing.T) {
	const key = 4711
	run(t, map[string]program{
		"/bin/parent": func(g *guest, _ []string) int {
			id := g.must(abi.SYS_shmget, key, 1<<20, 0o1600)
			at := g.must(abi.SYS_shmat, id, 0, 0)
			pid := g.spawn("/bin/child", fmt.Sprint(at))
			for g.semWait(at) != 0 { // SIGCHLD may come first
				g.clearPending(^uint32(0))
			}
			if got := g.u32(at + 4); got != 42 {
				t.Errorf("parent sees %d", got)
			}
			g.wait(pid)
			g.must(abi.SYS_shmctl, id, 0, 0)
			g.must(abi.SYS_shmdt, at)
			if got := g.u32(at + 4); got != 0 {
				t.Errorf("after shmdt the memory still holds %d", got)
			}
			if ret := g.sys(abi.SYS_shmget, key, 1<<20, 0); ret != -int32(abi.ENOENT) {
				t.Errorf("shmget after IPC_RMID = %d", ret)
			}
			return 0
		},
		"/bin/child": func(g *guest, argv []string) int {
			var at uint32
			fmt.Sscan(argv[1], &at)
			id := g.must(abi.SYS_shmget, key, 0, 0)
			if got := g.must(abi.SYS_shmat, id, at, 0); got != at {
				t.Errorf("attached at %#x, want %#x", got, at)
			}
			g.put32(at+4, 42)
			time.Sleep(5 * time.Millisecond)
			g.semPost(at)
			return 0
		},
	}, "/bin/parent")
}

func TestPushAndAccept(t *testing.T) {
	listening := make(chan struct{})
	k := newKernel(t, map[string]program{"/bin/x": func(g *guest, _ []string) int {
		fd := g.must(abi.SYS_socket, 1, 1, 0)
		sa := g.bytes(append([]byte{1, 0}, "/s\x00"...))
		g.must(abi.SYS_bind, fd, sa, 5)
		g.must(abi.SYS_listen, fd, 10)
		close(listening)
		peer, size := g.alloc(128), g.alloc(4)
		g.put32(size, 128)
		conn := g.must(abi.SYS_accept4, fd, peer, size, 0)
		if fam := g.mem[peer]; fam != 2 {
			t.Errorf("peer's family %d", fam)
		}
		buf := g.alloc(16)
		n := g.must(abi.SYS_recvfrom, conn, buf, 16, 0, 0, 0)
		g.must(abi.SYS_sendto, conn, buf, n, 0, 0, 0)
		return 0
	}})
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}})
	if err != nil {
		t.Fatal(err)
	}
	<-listening
	if err := k.Push("/elsewhere", kernel.Conn{FD: -1}); err == nil || !strings.Contains(err.Error(), "/elsewhere") {
		t.Errorf("push to nobody: %v", err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.SetNonblock(pair[1], true)
	if err := k.Push("/s", kernel.Conn{FD: pair[1], Peer: kernel.InProcess()}); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	unix.Write(pair[0], []byte("ping"))
	var buf [16]byte
	n, _ := unix.Read(pair[0], buf[:])
	if string(buf[:n]) != "ping" {
		t.Errorf("echo %q", buf[:n])
	}
	p.Wait()
}

// A server's accounting at the end: no descriptor stays open, no process in the table.
func TestCloseLeavesNothing(t *testing.T) {
	before := countFDs(t)
	k := newKernel(t, map[string]program{
		"/bin/x": func(g *guest, _ []string) int {
			for range 5 {
				g.spawn("/bin/y")
			}
			g.must(abi.SYS_shmget, 1, 4096, 0o1600)
			g.must(abi.SYS_pipe2, g.alloc(8), 0)
			for {
				g.sys(abi.SYS_sigwait)
				g.clearPending(^uint32(0))
			}
		},
		"/bin/y": func(g *guest, _ []string) int {
			for {
				g.sys(abi.SYS_sigwait)
			}
		},
	})
	if _, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	k.Close()
	if n := len(k.Processes()); n != 0 {
		t.Errorf("%d processes left", n)
	}
	if after := countFDs(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
	if _, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}}); err == nil {
		t.Error("a closed kernel started a process")
	}
}

func countFDs(t *testing.T) int {
	list, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Skip("counting descriptors needs /dev/fd")
	}
	return len(list)
}

// killable is a module whose programs can be ended by force.
type killable struct {
	module
	stop chan struct{}
}

func (m killable) Kill(kernel.Host) error {
	close(m.stop)
	return nil
}

// A process that makes no system calls any more is ended through the module, and counts as killed.
func TestKillEndsASpinningProcess(t *testing.T) {
	stop := make(chan struct{})
	spinning := make(chan struct{})
	m := killable{stop: stop, module: module{t, func(g *guest, _ []string) int {
		close(spinning)
		<-stop
		panic(fault{errors.New("killed")})
	}}}
	root, err := vfs.NewNamespace(map[string]vfs.FS{"/": vfs.NewMem(vfs.MemOptions{}), "/dev": vfs.NewDev()})
	if err != nil {
		t.Fatal(err)
	}
	k, err := kernel.New(kernel.Config{FS: root, Program: func(string) kernel.Module { return m }})
	if err != nil {
		t.Fatal(err)
	}
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}})
	if err != nil {
		t.Fatal(err)
	}
	<-spinning
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if st := p.Wait(); st.Signal != abi.SIGKILL {
		t.Errorf("status %+v", st)
	}
}
