package kernel_test

import (
	"encoding/binary"
	"testing"
	"time"

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
		kernel.SYS_fcntl64, kernel.SYS_dup, kernel.SYS_dup3, kernel.SYS_ioctl, kernel.SYS_mkdirat, kernel.SYS_unlinkat, kernel.SYS_symlinkat,
		kernel.SYS_linkat, kernel.SYS_truncate64, kernel.SYS_ftruncate64, kernel.SYS_fallocate, kernel.SYS_faccessat, kernel.SYS_chdir, kernel.SYS_fchmod,
		kernel.SYS_fchmodat, kernel.SYS_openat, kernel.SYS_openat, kernel.SYS_openat, kernel.SYS_close, kernel.SYS_pipe2, kernel.SYS_getdents64, kernel.SYS__llseek,
		kernel.SYS_read, kernel.SYS_write, kernel.SYS_readv, kernel.SYS_writev, kernel.SYS_pread64, kernel.SYS_pwrite64, kernel.SYS_preadv, kernel.SYS_pwritev2,
		kernel.SYS_readlinkat, kernel.SYS_fsync, kernel.SYS_sync_file_range, kernel.SYS_fadvise64_64, kernel.SYS_statx, kernel.SYS_utimensat_time64,
		kernel.SYS_renameat2, kernel.SYS_futex_time64, kernel.SYS_ppoll_time64, kernel.SYS_setitimer, kernel.SYS_clock_gettime64,
		kernel.SYS_clock_nanosleep_time64, kernel.SYS_sched_getaffinity, kernel.SYS_kill, kernel.SYS_setpgid, kernel.SYS_uname, kernel.SYS_prlimit64,
		kernel.SYS_prctl, kernel.SYS_getrandom, kernel.SYS_shmget, kernel.SYS_shmctl, kernel.SYS_shmat, kernel.SYS_shmdt, kernel.SYS_mmap2, kernel.SYS_munmap,
		kernel.SYS_socketpair, kernel.SYS_socket, kernel.SYS_bind, kernel.SYS_listen, kernel.SYS_accept4, kernel.SYS_getsockname, kernel.SYS_sendto,
		kernel.SYS_recvfrom, kernel.SYS_setsockopt, kernel.SYS_getsockopt, kernel.SYS_shutdown, kernel.SYS_sendmsg, kernel.SYS_recvmsg, kernel.SYS_wait4,
		kernel.SYS_sigreg, kernel.SYS_exitsig, kernel.SYS_args, kernel.SYS_sigwait, kernel.SYS_spawn, kernel.SYS_exit_group, 0, -1, 1 << 30,
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
					if nr == kernel.SYS_socket {
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
		timer := time.AfterFunc(20*time.Millisecond, func() { p.Signal(kernel.SIGKILL) })
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
	atFdcwd := int32(-100)
	return []uint32{
		0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 64, 100, 512, 1000, 4096, 65536, 1 << 20, 1<<31 - 1, 1 << 31, ^uint32(0), ^uint32(0) - 1, uint32(atFdcwd),
		0o102, 0o1102, 0o2101, 0o200000, 0o700, 0o4000, 0o1600, 0x200, 0x800,
		buf, buf, buf, buf + 1, buf + 8, buf + 4095, iovec, iovec, argv, sockaddr, sockaddr, msghdr, pollfds,
		g.str("/a"), g.str("/a"), g.str("/b"), g.str("/a/b"), g.str("b"), g.str("../.."), g.str("/dev/null"), g.str("/dev/zero"), g.str("/"), g.str(""),
		memSize - 1, memSize - 4, memSize, memSize + 1, 0x80_0000, 0x100_0000, 0x5fff_0000, 4711,
	}
}
