package kernel_test

import (
	"os"
	"testing"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
)

func TestIdentity(t *testing.T) {
	inGuest(t, func(g *guest) {
		me := g.must(abi.SYS_getpid)
		g.want(int32(me), abi.SYS_gettid)
		g.want(1, abi.SYS_getppid)
		for _, nr := range []int32{abi.SYS_getuid, abi.SYS_geteuid, abi.SYS_getgid, abi.SYS_getegid} {
			g.want(1000, nr)
		}
		g.want(int32(me), abi.SYS_setsid)
		g.must(abi.SYS_setpgid, 0, 0)
		g.want(int32(me), abi.SYS_getpgid, 0)
		g.must(abi.SYS_setpgid, me, 77)
		g.want(77, abi.SYS_getpgid, me)
		g.want(77, abi.SYS_getsid, 0)
		g.fails(abi.ESRCH, abi.SYS_setpgid, 4242, 1)
		g.fails(abi.ESRCH, abi.SYS_getpgid, 4242)

		buf := g.alloc(1024)
		g.must(abi.SYS_uname, buf)
		if got := g.cstr(buf + abi.OffUtsnameSysname); got != "Linux" {
			t.Errorf("system %q", got)
		}
		g.must(abi.SYS_sysinfo, buf)
		if g.u32(buf+abi.OffSysinfoTotalram) == 0 || g.u32(buf+abi.OffSysinfoMemUnit) != abi.PageSize {
			t.Error("no memory")
		}
		g.want(16, abi.SYS_sched_getaffinity, 0, 16, buf)
		if g.mem[buf]&1 == 0 {
			t.Error("no processor")
		}
		g.fails(abi.EINVAL, abi.SYS_sched_getaffinity, 0, 8, buf)
		g.must(abi.SYS_sched_yield)
		g.want(32, abi.SYS_getrandom, buf, 32, 0)

		for what, want := range map[uint32]uint64{abi.RLIMIT_NOFILE: kernel.FastPathFDs, abi.RLIMIT_STACK: abi.StackSize, 0: ^uint64(0)} {
			g.must(abi.SYS_prlimit64, 0, what, 0, buf)
			if got := g.u64(buf + abi.OffRlimitCur); got != want {
				t.Errorf("limit %d is %d, want %d", what, got, want)
			}
		}
		g.must(abi.SYS_prlimit64, 0, 0, 0, 0)
		g.fails(abi.EPERM, abi.SYS_prlimit64, 0, 0, buf, 0)
		g.must(abi.SYS_getrusage, 0, buf)
		if g.u32(buf+abi.OffRusageUtimeSec)+g.u32(buf+abi.OffRusageUtimeUsec)+g.u32(buf+abi.OffRusageStimeUsec) == 0 {
			t.Log("no processor time was used so far")
		}
		children := ^uint32(0) // RUSAGE_CHILDREN
		g.must(abi.SYS_getrusage, children, buf)
		if g.u64(buf) != 0 {
			t.Error("time of children is not kept")
		}
		g.must(abi.SYS_prctl, abi.PR_SET_NAME, g.str("x"))
		g.fails(abi.EINVAL, abi.SYS_prctl, 99)
		g.fails(abi.EINVAL, abi.SYS_prctl, abi.PR_SET_PDEATHSIG, 99)
		for _, nr := range []int32{abi.SYS_uname, abi.SYS_sysinfo} {
			g.fails(abi.EFAULT, nr, memSize)
		}
		g.fails(abi.EFAULT, abi.SYS_getrusage, 0, memSize)
		g.fails(abi.EFAULT, abi.SYS_prlimit64, 0, 0, 0, memSize)
		g.fails(abi.EFAULT, abi.SYS_sched_getaffinity, 0, 16, memSize)
		g.fails(abi.EFAULT, abi.SYS_getrandom, memSize, 16)
		g.fails(abi.ENOSYS, abi.SYS_flock, 0, 0)
		g.fails(abi.ENOSYS, 4999)
		g.fails(abi.ENOSYS, -1)
	})
}

func TestClocks(t *testing.T) {
	inGuest(t, func(g *guest) {
		ts, left := g.alloc(16), g.alloc(16)
		for clock := range uint32(8) {
			g.must(abi.SYS_clock_gettime64, clock, ts)
			if g.u64(ts+abi.OffTimespecNsec) >= 1e9 {
				t.Errorf("clock %d: %d ns", clock, g.u64(ts+abi.OffTimespecNsec))
			}
			g.must(abi.SYS_clock_getres_time64, clock, ts)
			g.must(abi.SYS_clock_getres_time64, clock, 0)
		}
		g.fails(abi.EINVAL, abi.SYS_clock_gettime64, 99, ts)
		g.fails(abi.EINVAL, abi.SYS_clock_getres_time64, 99, ts)
		g.fails(abi.EFAULT, abi.SYS_clock_gettime64, 0, memSize)
		g.fails(abi.EFAULT, abi.SYS_clock_getres_time64, 0, memSize)

		g.put64(ts, 0)
		g.put32(ts+8, 1_000_000)
		g.must(abi.SYS_clock_nanosleep_time64, abi.CLOCK_MONOTONIC, 0, ts, left)
		g.must(abi.SYS_clock_nanosleep_time64, abi.CLOCK_MONOTONIC, abi.TIMER_ABSTIME, ts, 0) // long past
		g.fails(abi.EINVAL, abi.SYS_clock_nanosleep_time64, abi.CLOCK_THREAD_CPUTIME_ID, 0, ts, 0)
		g.fails(abi.EINVAL, abi.SYS_clock_nanosleep_time64, 99, 0, ts, 0)
		g.put32(ts+8, 1_000_000_000)
		g.fails(abi.EINVAL, abi.SYS_clock_nanosleep_time64, abi.CLOCK_MONOTONIC, 0, ts, 0)
		g.fails(abi.EFAULT, abi.SYS_clock_nanosleep_time64, abi.CLOCK_MONOTONIC, 0, memSize, 0)

		// The interval timer tells what is left of it.
		it, old := g.alloc(abi.SizeofItimerval), g.alloc(abi.SizeofItimerval)
		g.put32(it+abi.OffItimervalIntervalSec, 7)
		g.put32(it+abi.OffItimervalValueSec, 100)
		g.must(abi.SYS_setitimer, abi.ITIMER_REAL, it, 0)
		g.must(abi.SYS_getitimer, abi.ITIMER_REAL, old)
		if sec := g.u32(old + abi.OffItimervalValueSec); sec > 100 || sec < 50 || g.u32(old+abi.OffItimervalIntervalSec) != 7 {
			t.Errorf("%d s left, again every %d", sec, g.u32(old+abi.OffItimervalIntervalSec))
		}
		g.put32(it+abi.OffItimervalValueSec, 0)
		g.must(abi.SYS_setitimer, abi.ITIMER_REAL, it, old)
		g.must(abi.SYS_getitimer, abi.ITIMER_REAL, old)
		if g.u64(old+abi.OffItimervalValueSec) != 0 {
			t.Error("a stopped timer has time left")
		}
		g.fails(abi.EINVAL, abi.SYS_setitimer, 1, it, 0)
		g.fails(abi.EFAULT, abi.SYS_setitimer, 0, memSize, 0)
		g.fails(abi.EFAULT, abi.SYS_setitimer, 0, it, memSize)
		g.fails(abi.EFAULT, abi.SYS_getitimer, 0, memSize)

		// A futex: no wake comes, its value differs, the clock for the timeout is named.
		word := g.alloc(4)
		g.put32(ts+8, 1_000_000)
		for _, flag := range []uint32{0, abi.FUTEX_PRIVATE, abi.FUTEX_CLOCK_REALTIME} {
			g.fails(abi.ETIMEDOUT, abi.SYS_futex_time64, word, abi.FUTEX_WAIT|flag, 0, ts)
			g.fails(abi.EAGAIN, abi.SYS_futex_time64, word, abi.FUTEX_WAIT|flag, 1, 0)
		}
		g.fails(abi.ENOSYS, abi.SYS_futex_time64, word, abi.FUTEX_WAKE|abi.FUTEX_CLOCK_REALTIME, 1)
		g.fails(abi.ENOSYS, abi.SYS_futex_time64, word, 3, 1)
		g.fails(abi.EFAULT, abi.SYS_futex_time64, memSize, 0, 1)
		g.fails(abi.EINVAL, abi.SYS_futex_time64, word+1, 0, 1)
	})
}

func TestDescriptors(t *testing.T) {
	inGuest(t, func(g *guest) {
		f := g.open("/f")
		g.want(40, abi.SYS_dup3, f, 40, abi.O_CLOEXEC)
		g.want(abi.FD_CLOEXEC, abi.SYS_fcntl64, 40, abi.F_GETFD)
		g.must(abi.SYS_fcntl64, 40, abi.F_SETFD, 0)
		g.want(0, abi.SYS_fcntl64, 40, abi.F_GETFD)
		g.fails(abi.EINVAL, abi.SYS_dup3, f, f, 0)
		g.fails(abi.EBADF, abi.SYS_dup3, 77, 41, 0)
		g.fails(abi.EBADF, abi.SYS_dup3, f, kernel.FastPathFDs, 0)
		g.want(50, abi.SYS_fcntl64, f, abi.F_DUPFD, 50)
		g.want(51, abi.SYS_fcntl64, f, abi.F_DUPFD_CLOEXEC, 50)
		g.want(abi.FD_CLOEXEC, abi.SYS_fcntl64, 51, abi.F_GETFD)
		g.fails(abi.EINVAL, abi.SYS_fcntl64, f, abi.F_DUPFD, kernel.FastPathFDs)
		g.fails(abi.EMFILE, abi.SYS_fcntl64, g.must(abi.SYS_dup3, f, kernel.FastPathFDs-1, 0), abi.F_DUPFD, kernel.FastPathFDs-1)
		g.want(abi.O_RDWR, abi.SYS_fcntl64, f, abi.F_GETFL)
		g.must(abi.SYS_fcntl64, f, abi.F_SETFL, abi.O_APPEND|abi.O_NONBLOCK)
		g.want(abi.O_RDWR|abi.O_APPEND|abi.O_NONBLOCK, abi.SYS_fcntl64, f, abi.F_GETFL)
		g.fails(abi.EINVAL, abi.SYS_fcntl64, f, 99)
		g.fails(abi.ENOTTY, abi.SYS_ioctl, f, 99, 0)
		g.fails(abi.ENOTTY, abi.SYS_ioctl, f, abi.TCGETS, g.alloc(64))
		g.fails(abi.ENOTTY, abi.SYS_ioctl, g.must(abi.SYS_socket, abi.AF_UNIX, abi.SOCK_STREAM, 0), abi.TCGETS, g.alloc(64))
		g.fails(abi.EFAULT, abi.SYS_ioctl, f, abi.TCGETS, memSize)

		// No descriptor is left: two are made, or none.
		for g.sys(abi.SYS_dup, f) >= 0 {
		}
		g.must(abi.SYS_close, 60)
		g.fails(abi.EMFILE, abi.SYS_pipe2, g.alloc(8), 0)
		g.want(60, abi.SYS_dup, f)
	})
}

// TestStandardFiles: a process started from outside reads and writes files of the program; what it inherits may change.
func TestStandardFiles(t *testing.T) {
	in, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	k := newKernel(t, map[string]program{
		"/bin/x": func(g *guest, _ []string) int {
			buf := g.alloc(100)
			n := g.must(abi.SYS_read, 0, buf, 100)
			g.must(abi.SYS_write, 1, buf, n)
			g.fails(abi.ENOTTY, abi.SYS_ioctl, 0, abi.TCGETS, buf)
			g.must(abi.SYS_statx, 0, g.str(""), abi.AT_EMPTY_PATH, 0, g.alloc(abi.SizeofStatx))
			child := func(fds []uint32, env uint32) int32 {
				argv := g.iov(g.str("/bin/child"), 0)
				at := uint32(0)
				if fds != nil {
					at = g.iov(fds...)
				}
				return g.sys(abi.SYS_spawn, argv, at, env)
			}
			keep := ^uint32(0)
			if st := g.wait(uint32(child([]uint32{keep, 1, 1}, g.iov(g.str("A=b"), 0)))); st != 0 {
				g.t.Errorf("child ended with %#x", st)
			}
			if ret := child([]uint32{keep, keep, 99}, 0); ret != -int32(abi.EBADF) {
				g.t.Errorf("spawn with a bad descriptor: %d", ret)
			}
			g.fails(abi.EFAULT, abi.SYS_spawn, memSize, 0, 0)
			g.fails(abi.EINVAL, abi.SYS_spawn, g.iov(0), 0, 0)
			g.fails(abi.EFAULT, abi.SYS_spawn, g.iov(g.str("/bin/child"), 0), memSize, 0)
			g.fails(abi.EFAULT, abi.SYS_spawn, g.iov(g.str("/bin/child"), 0), 0, memSize)
			g.fails(abi.ENOENT, abi.SYS_spawn, g.iov(g.str("/bin/none"), 0), 0, 0)
			return 0
		},
		"/bin/child": func(g *guest, _ []string) int {
			g.must(abi.SYS_write, 2, g.str(" child"), 6)
			return 0
		},
	})
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}, Stdin: in, Stdout: out})
	if err != nil {
		t.Fatal(err)
	}
	out.Close()
	if _, err := inW.WriteString("typed"); err != nil {
		t.Fatal(err)
	}
	if st := p.Wait(); st.Code != 0 {
		t.Errorf("status %+v", st)
	}
	b := make([]byte, 100)
	n, _ := outR.Read(b)
	if string(b[:n]) != "typed child" {
		t.Errorf("written: %q", b[:n])
	}
	if _, err := k.Run(kernel.Command{}); err == nil {
		t.Error("a command without a name started")
	}
	for _, f := range []*os.File{in, inW, outR} {
		f.Close()
	}
	if _, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}, Stdin: in}); err == nil {
		t.Error("a closed file was taken for standard input")
	}
}

func TestSignalsToOthers(t *testing.T) {
	run(t, map[string]program{
		"/bin/parent": func(g *guest, _ []string) int {
			for _, how := range []func(pid uint32){
				func(pid uint32) { g.must(abi.SYS_kill, pid, abi.SIGKILL) },
				func(pid uint32) { g.must(abi.SYS_tkill, pid, abi.SIGKILL) },
				func(pid uint32) { g.must(abi.SYS_tgkill, pid, pid, abi.SIGKILL) },
				func(pid uint32) {
					g.must(abi.SYS_setpgid, pid, pid)
					g.must(abi.SYS_kill, -pid, abi.SIGKILL)
				},
			} {
				pid := g.spawn("/bin/sleeper")
				g.must(abi.SYS_kill, pid, 0)
				how(pid)
				if st := g.wait(pid); st&0x7f != abi.SIGKILL {
					g.t.Errorf("ended with %#x", st)
				}
				g.fails(abi.ESRCH, abi.SYS_kill, pid, 0)
			}
			if st := g.wait(g.spawn("/bin/aborter")); st&0x7f != 6 {
				g.t.Errorf("exitsig: %#x", st)
			}
			g.setBlocked(^uint32(0))
			g.must(abi.SYS_kill, 0, abi.SIGUSR1)
			if g.pending()&sigUSR1 == 0 {
				g.t.Error("a signal to the own group did not come")
			}
			g.fails(abi.EINVAL, abi.SYS_kill, 1, 65)
			g.fails(abi.ESRCH, abi.SYS_kill, ^uint32(9999), abi.SIGUSR1)
			return 0
		},
		"/bin/sleeper": func(g *guest, _ []string) int {
			for {
				g.sys(abi.SYS_sigwait)
				g.clearPending(^uint32(0))
			}
		},
		"/bin/aborter": func(g *guest, _ []string) int {
			g.sys(abi.SYS_exitsig, 6)
			return 0
		},
	}, "/bin/parent")
}

func TestKernelFromOutside(t *testing.T) {
	if _, err := kernel.New(kernel.Config{}); err == nil {
		t.Error("a kernel without files")
	}
	k := newKernel(t, map[string]program{"/bin/x": func(g *guest, _ []string) int {
		g.sys(abi.SYS_sigwait)
		return 0
	}})
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/x", "arg"}})
	if err != nil {
		t.Fatal(err)
	}
	if argv := k.Processes()[p.Pid()]; len(argv) != 2 {
		t.Errorf("processes %v", k.Processes())
	}
	if err := k.Kill(p.Pid(), abi.SIGUSR1); err != nil {
		t.Error(err)
	}
	if err := k.Kill(4242, 0); err == nil {
		t.Error("a process that does not exist was found")
	}
	p.Wait()
	if err := k.Push("/nowhere", kernel.Conn{FD: -1}); err == nil {
		t.Error("a connection to nobody")
	}
}
