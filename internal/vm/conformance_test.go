//go:build cgo && linux

package vm_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"
	"unsafe"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vfs"
	"nself.org/embeddedpg/internal/vm"
)

// scripted is a process of a real kernel on a real instance, which makes the calls that a test asks for.
type scripted struct {
	kernel.Host
	base     unsafe.Pointer
	request  chan [7]int32
	result   chan int32
	started  bool
	goServed int // calls that came to Go
}

func (s *scripted) Begin(base unsafe.Pointer, fast *kernel.FastPath) {
	s.base = base
	s.Host.Begin(base, fast)
}

func (s *scripted) Syscall(size uint64, nr int32, a *[6]int32) (int32, bool) {
	if nr != 7000 { // of stepping
		s.goServed++
		return s.Host.Syscall(size, nr, a)
	}
	if s.started {
		s.result <- *s.word(12)
	}
	s.started = true
	r, ok := <-s.request
	if !ok {
		return s.Host.Syscall(size, abi.SYS_exit_group, new([6]int32))
	}
	copy(unsafe.Slice(s.word(20), 7), r[:])
	return 0, false
}

func (s *scripted) word(addr uint32) *int32 { return (*int32)(unsafe.Add(s.base, addr)) }

func (s *scripted) memory(addr, n uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(s.base, addr)), n)
}

// call makes a call and reports whether it came to Go.
func (s *scripted) call(t *testing.T, nr int32, args ...int32) (ret int32, served int) {
	t.Helper()
	before := s.goServed
	r := [7]int32{nr}
	copy(r[1:], args)
	s.request <- r
	select {
	case ret = <-s.result:
	case <-time.After(20 * time.Second):
		t.Fatalf("%s does not return", abi.SyscallName(nr))
	}
	return ret, s.goServed - before
}

type scriptedModule struct {
	*vm.Module
	s *scripted
}

func (m scriptedModule) Start(h kernel.Host, watch uint64) error {
	m.s.Host = h
	return m.Module.Start(m.s, watch)
}

// newScripted starts one, with its signal words registered.
func newScripted(t *testing.T, fastPath string) *scripted {
	t.Setenv("EMBEDDEDPG_FASTPATH", fastPath)
	dir, err := vfs.NewDir(t.TempDir(), vfs.DirOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	s := &scripted{request: make(chan [7]int32), result: make(chan int32)}
	m := load(t, newEngine(t), stepping)
	k, err := kernel.New(kernel.Config{FS: dir, Program: func(string) kernel.Module { return scriptedModule{m, s} }})
	if err != nil {
		t.Fatal(err)
	}
	std, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer std.Close()
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}, Stdin: std, Stdout: std, Stderr: std})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(s.request)
		p.Wait()
		k.Close()
	})
	if ret, _ := s.call(t, abi.SYS_sigreg, sigWords); ret != 0 {
		t.Fatal("sigreg:", ret)
	}
	return s
}

// Where the conformance test has its things in guest memory.
const (
	atName  = 4096  // of a file
	atText  = 8192  // what is written
	atBuf   = 16384 // what is read
	atPair  = 256   // two descriptors
	atTime  = 512   // a struct timespec of 1 ms
	atZero  = 528   // a struct timespec of 0
	atBad   = 544   // one that is none
	atIovec = 1024  // {atText, 4}, {0, 0}, {atText+4, 3}
	atInto  = 1088  // {atBuf, 4}, {atBuf+100, 100}
	atHuge  = 1152  // two of 1.9 GiB each, which do not lie in memory
	atPoll  = 2048  // struct pollfd: descriptors 3, 4 and 6
	atWord  = 3072  // a futex
	beyond  = memorySize
)

const (
	null = -1 // as the upper half of an offset, or the whole of one that is -1
	fd   = 3  // a file for reading and writing
	ro   = 4  // the same, for reading
	wo   = 5  // for writing
	pr   = 6  // a pipe's reading end, O_NONBLOCK
	pw   = 7
	sa   = 8 // a pair of sockets
	sb   = 9
)

// conformance is what the fast path's calls must do, whoever serves them. Each case goes on from the state that those before
// it left. With c it is C's to serve when the fast path is on.
var conformance = []struct {
	nr   int32
	args []int32
	want int32
	c    bool
}{
	{abi.SYS_getpid, nil, anyPid, true},

	// Files.
	{abi.SYS_write, []int32{fd, atText, 10}, 10, true},
	{abi.SYS_pwrite64, []int32{fd, atText, 2, 4, 0}, 2, true},
	{abi.SYS_pread64, []int32{fd, atBuf, 100, 0, 0}, 10, true},
	{abi.SYS_pread64, []int32{ro, atBuf, 100, 8, 0}, 2, true},
	{abi.SYS_pread64, []int32{ro, atBuf, 100, 0, 1}, 0, true},
	{abi.SYS_pread64, []int32{ro, atBuf, 1, null, null}, -int32(abi.EINVAL), true},
	{abi.SYS_pread64, []int32{wo, atBuf, 1, 0, 0}, -int32(abi.EBADF), false},
	{abi.SYS_pwrite64, []int32{ro, atBuf, 1, 0, 0}, -int32(abi.EBADF), false},
	{abi.SYS_pread64, []int32{99, atBuf, 1, 0, 0}, -int32(abi.EBADF), false},
	{abi.SYS_pread64, []int32{pr, atBuf, 1, 0, 0}, -int32(abi.ESPIPE), false},
	{abi.SYS_pread64, []int32{fd, beyond, 1, 0, 0}, -int32(abi.EFAULT), true},
	{abi.SYS_pread64, []int32{fd, beyond - 1, 2, 0, 0}, -int32(abi.EFAULT), true},
	{abi.SYS_preadv, []int32{fd, atInto, 2, 1, 0}, 9, true},
	{abi.SYS_preadv, []int32{fd, atInto, 2, null, null}, -int32(abi.EINVAL), true},
	{abi.SYS_preadv, []int32{fd, atInto, 0, 0, 0}, 0, false},
	{abi.SYS_preadv, []int32{fd, atInto, -1, 0, 0}, -int32(abi.EINVAL), false},
	{abi.SYS_preadv, []int32{fd, atInto, 1025, 0, 0}, -int32(abi.EINVAL), false},
	{abi.SYS_preadv, []int32{fd, beyond, 1, 0, 0}, -int32(abi.EFAULT), true},
	{abi.SYS_preadv, []int32{fd, atHuge, 2, 0, 0}, -int32(abi.EFAULT), true},
	{abi.SYS_pwritev, []int32{fd, atIovec, 3, 10, 0}, 7, true},
	{abi.SYS_pwritev, []int32{ro, atIovec, 3, 10, 0}, -int32(abi.EBADF), false},
	{abi.SYS_pwritev2, []int32{fd, atIovec, 3, 10, 0, abi.RWF_NOAPPEND}, 7, true},
	{abi.SYS_pwritev2, []int32{fd, atIovec, 3, 10, 0, 1}, -int32(abi.EOPNOTSUPP), false},
	{abi.SYS_preadv2, []int32{fd, atInto, 2, 10, 0, 0}, 7, true},
	{abi.SYS_preadv2, []int32{fd, atInto, 2, 10, 0, 1}, -int32(abi.EOPNOTSUPP), false},
	{abi.SYS_preadv2, []int32{fd, atInto, 2, -2, null, 0}, -int32(abi.EINVAL), true},
	{abi.SYS__llseek, []int32{fd, 0, 2, atBuf, abi.SEEK_SET}, 0, true},
	{abi.SYS_preadv2, []int32{fd, atInto, 2, null, null, 0}, 15, false}, // at the file's own offset, 2
	{abi.SYS_preadv2, []int32{fd, atInto, 2, null, null, 0}, 0, false},
	{abi.SYS_pwritev2, []int32{fd, atIovec, 3, null, null, 0}, 7, false},
	{abi.SYS__llseek, []int32{fd, 0, 0, atBuf, abi.SEEK_END}, 0, true},
	{abi.SYS__llseek, []int32{fd, 0, 0, atBuf, 99}, -int32(abi.EINVAL), true},
	{abi.SYS__llseek, []int32{fd, null, -8, atBuf, abi.SEEK_SET}, -int32(abi.EINVAL), true},
	{abi.SYS__llseek, []int32{fd, 0, 0, beyond - 4, abi.SEEK_SET}, -int32(abi.EFAULT), true},
	{abi.SYS__llseek, []int32{pr, 0, 0, atBuf, abi.SEEK_SET}, -int32(abi.ESPIPE), false},
	{abi.SYS_read, []int32{fd, atBuf, 100}, 0, true},
	{abi.SYS_read, []int32{wo, atBuf, 100}, -int32(abi.EBADF), false},
	{abi.SYS_readv, []int32{ro, atInto, 2}, 24, true},
	{abi.SYS_writev, []int32{wo, atIovec, 3}, 7, true},
	{abi.SYS_writev, []int32{wo, atIovec, 1025}, -int32(abi.EINVAL), false},
	{abi.SYS_fsync, []int32{fd}, 0, true},
	{abi.SYS_fdatasync, []int32{fd}, 0, true},
	{abi.SYS_fsync, []int32{pr}, -int32(abi.EINVAL), false},
	{abi.SYS_fdatasync, []int32{99}, -int32(abi.EBADF), false},
	{abi.SYS_sync_file_range, []int32{fd, 0, 0, 4096, 0, 2}, 0, true},
	{abi.SYS_sync_file_range, []int32{fd, 0, 0, 4096, 0, 99}, -int32(abi.EINVAL), true},
	{abi.SYS_fadvise64_64, []int32{fd, 0, 0, 4096, 0, 3}, 0, true},
	{abi.SYS_fadvise64_64, []int32{fd, 0, 0, 4096, 0, 99}, -int32(abi.EINVAL), true},
	{abi.SYS_fadvise64_64, []int32{pr, 0, 0, 4096, 0, 3}, -int32(abi.ESPIPE), false},

	// Pipes and sockets.
	{abi.SYS_read, []int32{pr, atBuf, 10}, -int32(abi.EAGAIN), true},
	{abi.SYS_readv, []int32{pr, atInto, 2}, -int32(abi.EAGAIN), true},
	{abi.SYS_write, []int32{pw, atText, 10}, 10, true},
	{abi.SYS_write, []int32{pr, atText, 10}, -int32(abi.EBADF), false},
	{abi.SYS_ppoll_time64, []int32{atPoll + 16, 1, 0, 0}, 1, true},
	{abi.SYS_readv, []int32{pr, atInto, 2}, 10, true},
	{abi.SYS_ppoll_time64, []int32{atPoll + 16, 1, atZero, 0}, 0, true},
	{abi.SYS_ppoll_time64, []int32{atPoll + 16, 1, atTime, 0}, 0, true},
	{abi.SYS_ppoll_time64, []int32{atPoll, 3, atTime, 0}, 2, false}, // a file is always ready
	{abi.SYS_ppoll_time64, []int32{atPoll, 3, atBad, 0}, -int32(abi.EINVAL), true},
	{abi.SYS_ppoll_time64, []int32{atPoll, 2000, atTime, 0}, -int32(abi.EINVAL), false},
	{abi.SYS_ppoll_time64, []int32{beyond, 1, atTime, 0}, -int32(abi.EFAULT), true},
	{abi.SYS_ppoll_time64, []int32{atPoll, 1, atTime, atBuf}, -int32(abi.ENOSYS), false},
	{abi.SYS_sendto, []int32{sa, atText, 10, abi.MSG_NOSIGNAL, 0, 0}, 10, true},
	{abi.SYS_recvfrom, []int32{sb, atBuf, 4, abi.MSG_PEEK, 0, 0}, 4, true},
	{abi.SYS_readv, []int32{sb, atInto, 2}, 10, true}, // and does not wait for the rest of its room
	{abi.SYS_recvfrom, []int32{sb, atBuf, 4, abi.MSG_DONTWAIT, 0, 0}, -int32(abi.EAGAIN), true},
	{abi.SYS_writev, []int32{sa, atIovec, 3}, 7, true},
	{abi.SYS_read, []int32{sb, atBuf, 100}, 7, true},
	{abi.SYS_sendto, []int32{sa, atText, 10, 1, 0, 0}, -int32(abi.EOPNOTSUPP), false},
	{abi.SYS_recvfrom, []int32{sb, atBuf, 10, 0x100, 0, 0}, -int32(abi.EOPNOTSUPP), false},
	{abi.SYS_sendto, []int32{fd, atText, 10, 0, 0, 0}, -int32(abi.ENOTSOCK), false},
	{abi.SYS_sendto, []int32{sa, beyond, 10, 0, 0, 0}, -int32(abi.EFAULT), true},
	{abi.SYS_recvfrom, []int32{99, atBuf, 10, 0, 0, 0}, -int32(abi.EBADF), false},
	{abi.SYS_close, []int32{sb}, 0, false},
	{abi.SYS_read, []int32{sa, atBuf, 10}, 0, true},
	{abi.SYS_sendto, []int32{sa, atText, 10, abi.MSG_NOSIGNAL, 0, 0}, -int32(abi.EPIPE), true},
	{abi.SYS_write, []int32{sa, atText, 10}, -int32(abi.EPIPE), false},

	// Time.
	{abi.SYS_clock_gettime64, []int32{abi.CLOCK_MONOTONIC, atBuf}, 0, true},
	{abi.SYS_clock_gettime64, []int32{abi.CLOCK_THREAD_CPUTIME_ID, atBuf}, 0, true},
	{abi.SYS_clock_gettime64, []int32{99, atBuf}, -int32(abi.EINVAL), false},
	{abi.SYS_clock_gettime64, []int32{0, beyond - 8}, -int32(abi.EFAULT), true},
	{abi.SYS_clock_nanosleep_time64, []int32{abi.CLOCK_MONOTONIC, 0, atTime, 0}, 0, true},
	{abi.SYS_clock_nanosleep_time64, []int32{abi.CLOCK_MONOTONIC, 0, atBad, 0}, -int32(abi.EINVAL), true},
	{abi.SYS_clock_nanosleep_time64, []int32{abi.CLOCK_MONOTONIC, 0, beyond, 0}, -int32(abi.EFAULT), true},
	{abi.SYS_clock_nanosleep_time64, []int32{abi.CLOCK_BOOTTIME, 0, atTime, 0}, 0, false},
	{abi.SYS_clock_nanosleep_time64, []int32{abi.CLOCK_THREAD_CPUTIME_ID, 0, atTime, 0}, -int32(abi.EINVAL), false},
	{abi.SYS_clock_nanosleep_time64, []int32{99, 0, atTime, 0}, -int32(abi.EINVAL), false},
	{abi.SYS_clock_nanosleep_time64, []int32{abi.CLOCK_MONOTONIC, abi.TIMER_ABSTIME, atZero, 0}, 0, false},

	// Futexes.
	{abi.SYS_futex_time64, []int32{atWord, abi.FUTEX_WAIT, 0, atTime}, -int32(abi.ETIMEDOUT), true},
	{abi.SYS_futex_time64, []int32{atWord, abi.FUTEX_WAIT | abi.FUTEX_PRIVATE, 0, atTime}, -int32(abi.ETIMEDOUT), true},
	{abi.SYS_futex_time64, []int32{atWord, abi.FUTEX_WAIT | abi.FUTEX_CLOCK_REALTIME, 0, atTime}, -int32(abi.ETIMEDOUT), true},
	{abi.SYS_futex_time64, []int32{atWord, abi.FUTEX_WAIT, 5, 0}, -int32(abi.EAGAIN), true},
	{abi.SYS_futex_time64, []int32{atWord, abi.FUTEX_WAIT, 0, atBad}, -int32(abi.EINVAL), true},
	{abi.SYS_futex_time64, []int32{atWord + 1, abi.FUTEX_WAIT, 0, 0}, -int32(abi.EINVAL), true},
	{abi.SYS_futex_time64, []int32{beyond, abi.FUTEX_WAIT, 0, 0}, -int32(abi.EFAULT), true},
	{abi.SYS_futex_time64, []int32{atWord, abi.FUTEX_WAKE, 1}, 0, true},
	{abi.SYS_futex_time64, []int32{atWord, abi.FUTEX_WAKE | abi.FUTEX_CLOCK_REALTIME, 1}, -int32(abi.ENOSYS), false},
	{abi.SYS_futex_time64, []int32{atWord, 3, 1}, -int32(abi.ENOSYS), false}, // FUTEX_REQUEUE

	// Signals: to nobody, with a number that is none, to itself.
	{abi.SYS_kill, []int32{4242, abi.SIGUSR1}, -int32(abi.ESRCH), false},
	{abi.SYS_kill, []int32{4242, 65}, -int32(abi.EINVAL), false},
	{abi.SYS_kill, []int32{itself, 0}, 0, false},
	{abi.SYS_kill, []int32{itself, abi.SIGUSR1}, 0, true},
	{abi.SYS_ppoll_time64, []int32{atPoll + 16, 1, atZero, 0}, -int32(abi.EINTR), true},
	{abi.SYS_ppoll_time64, []int32{atPoll + 16, 0, 0, 0}, -int32(abi.EINTR), true},
	{abi.SYS_clock_nanosleep_time64, []int32{abi.CLOCK_MONOTONIC, 0, atTime, 0}, -int32(abi.EINTR), true},
	{abi.SYS_futex_time64, []int32{atWord, abi.FUTEX_WAIT, 0, 0}, -int32(abi.EINTR), true},
	{abi.SYS_read, []int32{fd, atBuf, 10}, 0, true}, // which does not wait
}

// In the table: a result that is the process' id, and the argument that stands for it.
const (
	anyPid = 1 << 30
	itself = 1 << 29
)

// TestConformance: a call does the same with the fast path and without.
func TestConformance(t *testing.T) {
	for _, way := range []string{"on", "off"} {
		t.Run("fastpath="+way, func(t *testing.T) {
			s := newScripted(t, way)
			prepareConformance(t, s)
			for i, c := range conformance {
				args := append([]int32(nil), c.args...)
				want := c.want
				for k := range args {
					if args[k] == itself {
						args[k] = int32(os.Getpid())
					}
				}
				if want == anyPid {
					want = int32(os.Getpid())
				}
				got, served := s.call(t, c.nr, args...)
				what := fmt.Sprintf("case %d, %s%v", i, abi.SyscallName(c.nr), args)
				if got != want {
					t.Errorf("%s = %d, want %d", what, got, want)
				}
				if byC := served == 0; byC != (c.c && way == "on") {
					t.Errorf("%s: served by C: %v", what, byC)
				}
			}
		})
	}
}

// prepareConformance opens the descriptors and fills the memory that the table names.
func prepareConformance(t *testing.T, s *scripted) {
	copy(s.memory(atName, 10), "/f\x00")
	copy(s.memory(atText, 20), "0123456789abcdef")
	for addr, words := range map[uint32][]int32{
		atTime:  {0, 0, 1_000_000, -1}, // Linux leaves the upper half of the nanoseconds undefined
		atZero:  {0, 0, 0, 0},
		atBad:   {0, 0, 1_000_000_000, 0},
		atIovec: {atText, 4, 0, 0, atText + 4, 3},
		atInto:  {atBuf, 4, atBuf + 100, 100},
		atHuge:  {0, 1900 << 20, 0, 1900 << 20},
		atPoll:  {fd, abi.POLLIN, ro, abi.POLLIN, pr, abi.POLLIN},
		atWord:  {0},
	} {
		copy(unsafe.Slice(s.word(addr), len(words)), words)
	}
	for _, c := range []struct {
		nr   int32
		args []int32
		want int32
	}{
		{abi.SYS_openat, []int32{abi.AT_FDCWD, atName, abi.O_CREAT | abi.O_RDWR, 0o600}, fd},
		{abi.SYS_openat, []int32{abi.AT_FDCWD, atName, abi.O_RDONLY}, ro},
		{abi.SYS_openat, []int32{abi.AT_FDCWD, atName, abi.O_WRONLY}, wo},
		{abi.SYS_pipe2, []int32{atPair, abi.O_NONBLOCK}, 0},
		{abi.SYS_socketpair, []int32{abi.AF_UNIX, abi.SOCK_STREAM, 0, atPair}, 0},
	} {
		if got, _ := s.call(t, c.nr, c.args...); got != c.want {
			t.Fatalf("%s%v = %d, want %d", abi.SyscallName(c.nr), c.args, got, c.want)
		}
	}
}

// TestFastPathCalls: the C code serves the calls that the kernel's table says it does, and the conformance test has each.
func TestFastPathCalls(t *testing.T) {
	text, err := os.ReadFile("fastpath_linux.c")
	if err != nil {
		t.Fatal(err)
	}
	inC := map[string]bool{}
	for _, m := range regexp.MustCompile(`case GUEST_SYS_(\w+):`).FindAllSubmatch(text, -1) {
		inC[string(m[1])] = true
	}
	tested := map[int32]bool{}
	for _, c := range conformance {
		tested[c.nr] = tested[c.nr] || c.c
	}
	for nr := range int32(1000) {
		name := abi.SyscallName(nr)
		if name == "" {
			continue
		}
		if inC[name] != kernel.ServedByC(nr) {
			t.Errorf("%s: in C %v, in the table %v", name, inC[name], kernel.ServedByC(nr))
		}
		if inC[name] && !tested[nr] {
			t.Errorf("%s has no case in which C serves it", name)
		}
	}
}
