package kernel_test

import (
	"encoding/binary"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
)

// FuzzSyscalls lets a guest make any system calls with any arguments: it may get errors, end itself or block until it
// is killed, but the kernel must neither panic nor leave anything behind. Each call is seven bytes: which one,
// and for each argument which of some values that mean something to many calls.
func FuzzSyscalls(f *testing.F) {
	f.Add([]byte{})
	for seed := range 8 {
		b := make([]byte, 7*40)
		for i := range b {
			b[i] = byte((i*i*7 + i*(seed+3)*13 + seed*29) >> 1)
		}
		f.Add(b)
	}
	calls := []int32{
		abi.SYS_fcntl64, abi.SYS_dup, abi.SYS_dup3, abi.SYS_ioctl, abi.SYS_mkdirat, abi.SYS_unlinkat, abi.SYS_symlinkat,
		abi.SYS_linkat, abi.SYS_truncate64, abi.SYS_ftruncate64, abi.SYS_fallocate, abi.SYS_faccessat, abi.SYS_chdir, abi.SYS_fchmod,
		abi.SYS_fchmodat, abi.SYS_openat, abi.SYS_openat, abi.SYS_openat, abi.SYS_close, abi.SYS_pipe2, abi.SYS_getdents64, abi.SYS__llseek,
		abi.SYS_read, abi.SYS_write, abi.SYS_readv, abi.SYS_writev, abi.SYS_pread64, abi.SYS_pwrite64, abi.SYS_preadv, abi.SYS_pwritev2,
		abi.SYS_readlinkat, abi.SYS_fsync, abi.SYS_sync_file_range, abi.SYS_fadvise64_64, abi.SYS_statx, abi.SYS_utimensat_time64,
		abi.SYS_renameat2, abi.SYS_futex_time64, abi.SYS_ppoll_time64, abi.SYS_setitimer, abi.SYS_clock_gettime64,
		abi.SYS_clock_nanosleep_time64, abi.SYS_sched_getaffinity, abi.SYS_kill, abi.SYS_setpgid, abi.SYS_uname, abi.SYS_prlimit64,
		abi.SYS_prctl, abi.SYS_getrandom, abi.SYS_shmget, abi.SYS_shmctl, abi.SYS_shmat, abi.SYS_shmdt, abi.SYS_mmap2, abi.SYS_munmap,
		abi.SYS_socketpair, abi.SYS_socket, abi.SYS_bind, abi.SYS_listen, abi.SYS_accept4, abi.SYS_getsockname, abi.SYS_sendto,
		abi.SYS_recvfrom, abi.SYS_setsockopt, abi.SYS_getsockopt, abi.SYS_shutdown, abi.SYS_sendmsg, abi.SYS_recvmsg, abi.SYS_wait4,
		abi.SYS_sigreg, abi.SYS_exitsig, abi.SYS_args, abi.SYS_sigwait, abi.SYS_spawn, abi.SYS_exit_group, 0, -1, 1 << 30,
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		before := countFDs(t)
		k := newKernel(t, map[string]program{
			"/bin/x": func(g *guest, _ []string) int {
				values := g.values()
				for in := input; len(in) >= 7 && len(in) <= 7*200; in = in[7:] {
					var a [6]uint32
					for i := range a {
						a[i] = values[int(in[i+1])%len(values)]
					}
					nr := calls[int(in[0])%len(calls)]
					if nr == abi.SYS_socket {
						a[0] = 1 // AF_UNIX: others are the host's network
					}
					g.sys(nr, a[:]...)
				}
				return 0
			},
			"/bin/child": func(g *guest, _ []string) int { return 3 },
		})
		p, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}})
		if err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(20*time.Millisecond, func() { p.Signal(abi.SIGKILL) })
		defer timer.Stop()
		select {
		case <-p.Done():
		case <-time.After(20 * time.Second):
			t.Fatal("it can not be killed")
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
		if left := k.Processes(); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
		if after := countFDs(t); after > before {
			t.Errorf("%d descriptors before, %d after", before, after)
		}
	})
}

// values are arguments that many system calls take for something: descriptors, flags, sizes, addresses of names, of
// structures with addresses in them, of memory that ends or is not there.
func (g *guest) values() []uint32 {
	buf := g.alloc(4096)
	iovec := g.alloc(64)
	for i := range uint32(4) {
		g.put32(iovec+8*i, buf+i*100)
		g.put32(iovec+8*i+4, 100*i)
	}
	argv := g.alloc(16)
	g.put32(argv, g.str("/bin/child"))
	sockaddr := g.bytes([]byte("\x01\x00/run/socket\x00"))
	msghdr := g.alloc(32)
	binary.LittleEndian.PutUint32(g.mem[msghdr+8:], iovec)
	binary.LittleEndian.PutUint32(g.mem[msghdr+12:], 2)
	pollfds := g.alloc(64)
	for i := range uint32(8) {
		g.put32(pollfds+8*i, i)
		g.put32(pollfds+8*i+4, 5)
	}
	return []uint32{
		0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 64, 100, 512, 1000, 4096, 65536, 1 << 20, 1<<31 - 1, 1 << 31, ^uint32(0), ^uint32(0) - 1, ^uint32(99),
		0o102, 0o1102, 0o2101, 0o200000, 0o700, 0o4000, 0o1600, 0x200, 0x800,
		buf, buf, buf, buf + 1, buf + 8, buf + 4095, iovec, iovec, argv, sockaddr, sockaddr, msghdr, pollfds,
		g.str("/a"), g.str("/a"), g.str("/b"), g.str("/a/b"), g.str("b"), g.str("../.."), g.str("/dev/null"), g.str("/dev/zero"), g.str("/"), g.str(""),
		memSize - 1, memSize - 4, memSize, memSize + 1, 0x80_0000, 0x100_0000, 0x5fff_0000, 4711,
	}
}
