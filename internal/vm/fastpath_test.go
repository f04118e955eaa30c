//go:build cgo && linux

package vm_test

import (
	"bytes"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
)

func gettid() int { return unix.Gettid() }

func newEventfd(t testing.TB) int {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

func closeFD(fd int) { unix.Close(fd) }

func writeEventfd(fd int) { unix.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

func futexWake(word *uint32) {
	unix.Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), 1|128, 1<<30)
}

// Guest system calls, as a test names them.
const (
	llseek, read, write, readv, writev = abi.SYS__llseek, abi.SYS_read, abi.SYS_write, abi.SYS_readv, abi.SYS_writev
	pread, pwrite, preadv, pwritev     = abi.SYS_pread64, abi.SYS_pwrite64, abi.SYS_preadv, abi.SYS_pwritev
	preadv2, pwritev2                  = abi.SYS_preadv2, abi.SYS_pwritev2
	fsync, fdatasync, syncRange        = abi.SYS_fsync, abi.SYS_fdatasync, abi.SYS_sync_file_range
	fadvise, getpid, gettime           = abi.SYS_fadvise64_64, abi.SYS_getpid, abi.SYS_clock_gettime64
	sendto, recvfrom                   = abi.SYS_sendto, abi.SYS_recvfrom
	nanosleep, ppoll, futex            = abi.SYS_clock_nanosleep_time64, abi.SYS_ppoll_time64, abi.SYS_futex_time64
)

const (
	fileRW   = kernel.FastPathFile | kernel.FastPathRead | kernel.FastPathWrite
	socketRW = kernel.FastPathSocket | kernel.FastPathRead | kernel.FastPathWrite | kernel.FastPathPoll
	pipeR    = kernel.FastPathPipe | kernel.FastPathRead | kernel.FastPathPoll
	pipeW    = kernel.FastPathPipe | kernel.FastPathWrite | kernel.FastPathPoll
)

func tempFile(t *testing.T, content string) *os.File {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	f.WriteString(content)
	f.Seek(0, 0)
	return f
}

func socketpair(t *testing.T) (a, b int) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(p[0]); unix.Close(p[1]) })
	return p[0], p[1]
}

func pipe(t *testing.T) (r, w int) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(p[0]); unix.Close(p[1]) })
	return p[0], p[1]
}

func TestFastPathOff(t *testing.T) {
	s := newStepper(t, nil)
	s.want(4711, getpid)
	s.fast.Off = 1
	s.want(asked, getpid)
	s.fast.Off = 0
	sig := s.fast.Sig
	s.fast.Sig = 0
	s.want(asked, getpid)
	s.fast.Sig = sig
	s.want(asked, 9999)
	s.want(asked, -1)
}

func TestFastPathFile(t *testing.T) {
	s := newStepper(t, nil)
	f := tempFile(t, "0123456789")
	s.fd(3, int(f.Fd()), fileRW)
	mem := s.memory(0, memorySize)

	s.want(4, read, 3, 4096, 4)
	s.want(4, read, 3, 4100, 4)
	s.want(2, read, 3, 4104, 4)
	s.want(0, read, 3, 4096, 4)
	if got := string(mem[4096:4106]); got != "0123456789" {
		t.Errorf("read %q", got)
	}
	s.want(3, pread, 3, 5000, 3, 7, 0)
	s.want(0, pread, 3, 5000, 3, 0, 1) // at 4 GiB
	s.want(-int32(unix.EINVAL), pread, 3, 5000, 3, -1, -1)
	if got := string(mem[5000:5003]); got != "789" {
		t.Errorf("pread %q", got)
	}
	copy(mem[6000:], "abcdef")
	s.want(2, pwrite, 3, 6000, 2, 1, 0)
	s.want(2, pwrite, 3, 6002, 2, 0x10, 2) // at 8 GiB and 16
	s.want(0, llseek, 3, 0, 5, 64, 0)
	if got := *(*int64)(unsafe.Add(s.base, 64)); got != 5 {
		t.Errorf("lseek to %d", got)
	}
	s.want(1, write, 3, 6004, 1)
	s.want(0, llseek, 3, 0, 0, 64, 2)
	if got := *(*int64)(unsafe.Add(s.base, 64)); got != 8<<30+18 {
		t.Errorf("end at %d", got)
	}
	s.want(0, llseek, 3, -1, -8, 64, 2)
	s.want(-int32(unix.EINVAL), llseek, 3, 0, 0, 64, 77)
	s.want(-int32(unix.EINVAL), llseek, 3, -1, -8, 64, 0)
	got := make([]byte, 10)
	f.ReadAt(got, 0)
	if string(got) != "0ab34e6789" {
		t.Errorf("file has %q", got)
	}
	for _, nr := range []int32{fsync, fdatasync} {
		s.want(0, nr, 3)
	}
	s.want(0, syncRange, 3, 0, 0, 4096, 0, 2)
	s.want(0, fadvise, 3, 0, 0, 4096, 0, 3)
	s.want(-int32(unix.EINVAL), fadvise, 3, 0, 0, 4096, 0, 99)

	// What is not a file of the right mode is Go's.
	s.fd(4, int(f.Fd()), kernel.FastPathFile|kernel.FastPathRead)
	s.fd(5, int(f.Fd()), kernel.FastPathFile|kernel.FastPathWrite)
	s.fd(6, int(f.Fd()), kernel.FastPathRead|kernel.FastPathWrite)
	for _, fd := range []int32{-1, 0, 1023, 1024, 1 << 30, -1 << 31} {
		for _, nr := range []int32{read, write, readv, writev, pread, pwrite, preadv, pwritev, preadv2, pwritev2, fsync, llseek, sendto, recvfrom} {
			s.want(asked, nr, fd, 4096, 1, 0, 0, 0)
		}
	}
	for _, nr := range []int32{write, writev, pwrite, pwritev, pwritev2} {
		s.want(asked, nr, 4, 4096, 1)
	}
	for _, nr := range []int32{read, readv, pread, preadv, preadv2} {
		s.want(asked, nr, 5, 4096, 1)
	}
	for _, nr := range []int32{read, write, readv, writev, pread, pwrite, fsync, llseek, sendto, recvfrom} {
		s.want(asked, nr, 6, 4096, 1, 0, 0, 0)
	}
	s.want(asked, sendto, 3, 4096, 1, 0, 0, 0)
}

// iov writes an array of guest iovecs at address 8192.
func (s *stepper) iov(pairs ...uint32) int32 {
	copy(unsafe.Slice((*uint32)(unsafe.Add(s.base, 8192)), len(pairs)), pairs)
	return 8192
}

func TestFastPathVectors(t *testing.T) {
	s := newStepper(t, nil)
	f := tempFile(t, "0123456789abcdef")
	s.fd(3, int(f.Fd()), fileRW)
	mem := s.memory(0, memorySize)
	three := s.iov(4096, 3, 5000, 0, 6000, 4)

	s.want(7, readv, 3, three, 3)
	s.want(7, preadv, 3, three, 3, 8, 0)
	if string(mem[4096:4099])+string(mem[6000:6004]) != "89abcde" {
		t.Errorf("preadv %q %q", mem[4096:4099], mem[6000:6004])
	}
	s.want(7, preadv2, 3, three, 3, 1, 0, 0)
	s.want(7, pwritev, 3, three, 3, 4, 0)
	s.want(3, pwritev2, 3, three, 1, 0, 0, 32) // RWF_NOAPPEND
	s.want(3, pwritev2, 3, three, 1, 2, 0, 0)
	s.want(7, writev, 3, three, 3)
	got := make([]byte, 16)
	f.ReadAt(got, 0)
	if want := expectVectors(); string(got) != string(want) {
		t.Errorf("file has %q, want %q", got, want)
	}
	s.want(asked, pwritev2, 3, three, 3, 0, 0, 1)
	s.want(asked, preadv2, 3, three, 3, 0, 0, 32)
	s.want(asked, preadv2, 3, three, 3, -1, -1, 0)
	s.want(-int32(unix.EINVAL), preadv, 3, three, 3, -1, -1)
	s.want(asked, readv, 3, three, 0)
	s.want(asked, readv, 3, three, -1)
	s.want(asked, readv, 3, three, 129)
	s.want(-int32(unix.EINVAL), pwritev, 3, s.iov(0, memorySize, 0, memorySize), 2, -1, -1)
}

// expectVectors does to a string what TestFastPathVectors does to its file.
func expectVectors() []byte {
	b := []byte("0123456789abcdef")
	copy(b[4:], "1234567")
	copy(b[0:], "123")
	copy(b[2:], "123")
	copy(b[7:], "1234567")
	return b
}

// TestFastPathFault: no address, length or count makes the fast path touch anything outside the guest's memory.
func TestFastPathFault(t *testing.T) {
	s := newStepper(t, nil)
	f := tempFile(t, "0123456789")
	a, _ := socketpair(t)
	s.fd(3, int(f.Fd()), fileRW)
	s.fd(4, a, socketRW)
	const efault = -int32(unix.EFAULT)
	const end = memorySize
	neg := func(u uint32) int32 { return int32(u) }

	for _, r := range [][2]uint32{{end, 1}, {end - 1, 2}, {0, end + 1}, {1, end}, {0xffffffff, 1}, {0xffffffff, 0xffffffff}, {1, 0xffffffff}, {0x80000000, 0x80000000}} {
		p, n := neg(r[0]), neg(r[1])
		for _, nr := range []int32{read, write, pread, pwrite} {
			s.want(efault, nr, 3, p, n, 0, 0)
		}
		for _, nr := range []int32{sendto, recvfrom} {
			s.want(efault, nr, 4, p, n, 0, 0)
		}
		v := s.iov(4096, 1, r[0], r[1])
		for _, nr := range []int32{readv, writev, preadv, pwritev, preadv2, pwritev2} {
			s.want(efault, nr, 3, v, 2, 0, 0, 0)
		}
	}
	for _, p := range []int32{end - 7, end, -1, -8} {
		s.want(efault, llseek, 3, 0, 0, p, 0)
		s.want(efault, readv, 3, p, 1)
		s.want(efault, gettime, 1, p)
		s.want(efault, nanosleep, 1, 0, p, 0)
		s.want(efault, ppoll, p, 1, 0, 0)
		s.want(efault, ppoll, 4096, 0, p, 0)
	}
	for _, p := range []int32{end - 3, end, -1, -4} {
		s.want(efault, futex, p, 0, 0, 0)
		s.want(efault, futex, p, 1, 1, 0)
	}
	s.want(-int32(unix.EINVAL), futex, 4097, 1, 1, 0)

	// The very end is fine, and memory that was added since is seen.
	s.want(8, pread, 3, end-8, 8, 0, 0)
	s.want(efault, pread, 3, end-8, 9, 0, 0)
	s.request <- request{nr: pread, args: []int32{3, end - 8, 9, 0, 0}, grow: 1}
	if r := s.finish(); r != 9 {
		t.Errorf("after growing: %d", r)
	}
	if got := s.memory(end-8, 9); string(got) != "012345678" {
		t.Errorf("read %q", got)
	}
}

func TestFastPathSocket(t *testing.T) {
	s := newStepper(t, nil)
	a, b := socketpair(t)
	s.fd(3, a, socketRW|kernel.FastPathNonblock)
	mem := s.memory(0, memorySize)
	const eagain = -int32(unix.EAGAIN)

	s.want(eagain, recvfrom, 3, 4096, 10, 0, 0, 0)
	s.want(eagain, read, 3, 4096, 10)
	s.want(eagain, readv, 3, s.iov(4096, 5, 5000, 5), 2)
	unix.Write(b, []byte("hello"))
	s.want(2, recvfrom, 3, 4096, 2, 2, 0, 0) // MSG_PEEK
	s.want(2, recvfrom, 3, 4096, 2, 0, 0, 0)
	s.want(2, read, 3, 4098, 2)
	s.want(1, readv, 3, s.iov(4100, 0, 4100, 5), 2)
	if got := string(mem[4096:4101]); got != "hello" {
		t.Errorf("received %q", got)
	}
	s.want(5, sendto, 3, 4096, 5, 0x4000, 0, 0)
	s.want(5, write, 3, 4096, 5)
	s.want(5, writev, 3, s.iov(4096, 2, 4098, 3), 2)
	got := make([]byte, 100)
	n, _ := unix.Read(b, got)
	if string(got[:n]) != "hellohellohello" {
		t.Errorf("sent %q", got[:n])
	}

	s.want(asked, recvfrom, 3, 4096, 10, 0x100, 0, 0)   // MSG_WAITALL
	s.want(asked, recvfrom, 3, 4096, 10, 0, 5000, 5004) // with an address
	s.want(asked, sendto, 3, 4096, 10, 1, 0, 0)         // MSG_OOB

	// A guest that may block gets EAGAIN only if it says so; its host cannot be polled: Go.
	s.fd(4, a, kernel.FastPathSocket|kernel.FastPathRead|kernel.FastPathWrite)
	s.want(eagain, recvfrom, 4, 4096, 10, 0x40, 0, 0)
	s.want(asked, recvfrom, 4, 4096, 10, 0, 0, 0)
	s.want(asked, read, 4, 4096, 10)

	// It can be polled: the fast path waits.
	s.fd(5, a, socketRW)
	s.beginCall(recvfrom, 5, 4096, 10, 0, 0, 0)
	s.blocks(kernel.WaitPoll)
	unix.Write(b, []byte("later"))
	if r := s.finish(); r != 5 || string(mem[4096:4101]) != "later" {
		t.Errorf("%d %q", r, mem[4096:4101])
	}
	s.beginCall(recvfrom, 5, 4096, 10, 0, 0, 0)
	s.blocks(kernel.WaitPoll)
	s.post(10)
	if r := s.finish(); r != -int32(unix.EINTR) {
		t.Errorf("a signal: %d", r)
	}
	*s.pending() = 0

	// EPIPE: the guest's SIGPIPE is for Go to post, unless the guest wants none.
	unix.Close(b)
	s.want(0, recvfrom, 5, 4096, 10, 0, 0, 0)
	s.want(asked, write, 5, 4096, 10)
	s.want(asked, sendto, 5, 4096, 10, 0, 0, 0)
	s.want(-int32(unix.EPIPE), sendto, 5, 4096, 10, 0x4000, 0, 0)
}

// TestFastPathBlockingWrite: a blocking descriptor takes all, though the host's takes what it has room for.
func TestFastPathBlockingWrite(t *testing.T) {
	s := newStepper(t, nil)
	mem := s.memory(0, memorySize)
	for i := range mem[65536:] {
		mem[65536+i] = byte(i * 7 / 3)
	}
	const n = 1 << 20
	for _, nr := range []int32{write, writev} {
		r, w := pipe(t)
		s.fd(3, w, pipeW)
		if nr == write {
			s.beginCall(write, 3, 65536, n)
		} else {
			s.beginCall(writev, 3, s.iov(65536, 100, 0, 0, 65636, 300000, 365636, n-300100), 4)
		}
		var got []byte
		buf := make([]byte, 50000)
		s.blocks(kernel.WaitPoll)
		for len(got) < n {
			k, err := unix.Read(r, buf)
			if err != nil {
				time.Sleep(time.Millisecond)
				continue
			}
			got = append(got, buf[:k]...)
		}
		if r := s.finish(); r != n || !bytes.Equal(got, mem[65536:65536+n]) {
			t.Errorf("call %d: %d, %d bytes, equal: %v", nr, r, len(got), bytes.Equal(got, mem[65536:65536+n]))
		}

		// A signal ends it with what is written so far.
		s.beginCall(write, 3, 65536, n)
		s.blocks(kernel.WaitPoll)
		s.post(10)
		if k := s.finish(); k <= 0 || k >= n {
			t.Errorf("interrupted after %d", k)
		}
		*s.pending() = 0
		s.fd(3, w, pipeW|kernel.FastPathNonblock)
		s.want(-int32(unix.EAGAIN), write, 3, 65536, n)
	}
}

// late is how late a call may return on a machine whose processors others keep busy. A call that nothing ends returns never.
const late = 10 * time.Second

func TestFastPathTime(t *testing.T) {
	s := newStepper(t, nil)
	for _, id := range []int32{0, 1, 2, 3, 4, 5, 6, 7} {
		s.want(0, gettime, id, 4096)
		got := time.Duration(*(*int64)(unsafe.Add(s.base, 4096)))*time.Second + time.Duration(*(*int64)(unsafe.Add(s.base, 4104)))
		var now unix.Timespec
		unix.ClockGettime(id, &now)
		diff := time.Duration(now.Nano()) - got
		if id == 2 || id == 3 { // the thread's own
			if got <= 0 || got > 5*time.Second {
				t.Errorf("clock %d: %v", id, got)
			}
		} else if diff < -10*time.Millisecond || diff > late {
			t.Errorf("clock %d: off by %v", id, diff)
		}
	}
	s.want(asked, gettime, 8, 4096)
	s.want(asked, gettime, -1, 4096)

	begin := time.Now()
	s.want(0, nanosleep, 1, 0, s.timespec(4096, 30*time.Millisecond), 0)
	if d := time.Since(begin); d < 30*time.Millisecond || d > late {
		t.Errorf("slept %v", d)
	}
	s.beginCall(nanosleep, 0, 0, s.timespec(4096, 10*time.Second), 5000)
	s.blocks(kernel.WaitPoll)
	s.post(10)
	if r := s.finish(); r != -int32(unix.EINTR) {
		t.Errorf("interrupted sleep: %d", r)
	}
	if left := *(*int64)(unsafe.Add(s.base, 5000)); left != 9 {
		t.Errorf("left: %d s", left)
	}
	*s.pending() = 0
	s.want(asked, nanosleep, 1, 1, 4096, 0) // TIMER_ABSTIME
	s.want(-int32(unix.EINVAL), nanosleep, 1, 0, s.timespec(4096, -time.Second), 0)
}

// pollfds writes guest pollfds, {fd, events} each, at address 8192.
func (s *stepper) pollfds(pairs ...int) int32 {
	for i := 0; i < len(pairs); i += 2 {
		p := (*unix.PollFd)(unsafe.Add(s.base, 8192+4*i))
		*p = unix.PollFd{Fd: int32(pairs[i]), Events: int16(pairs[i+1]), Revents: -1}
	}
	return 8192
}

func (s *stepper) revents(i int) int16 {
	return (*unix.PollFd)(unsafe.Add(s.base, 8192+8*i)).Revents
}

// poller is a stepper with a socket (3), a pipe (4) and one that cannot be polled (5); two polls the first two of them.
type poller struct {
	*stepper
	peer, w int // of the socket and the pipe
}

func newPoller(t *testing.T) poller {
	s := newStepper(t, nil)
	a, b := socketpair(t)
	r, w := pipe(t)
	s.fd(3, a, socketRW)
	s.fd(4, r, pipeR)
	s.fd(5, r, kernel.FastPathPipe|kernel.FastPathRead)
	return poller{s, b, w}
}

func (s poller) two() int32 { return s.pollfds(3, unix.POLLIN, 4, unix.POLLIN) }

func TestFastPathPoll(t *testing.T) {
	s := newPoller(t)
	in, out := unix.POLLIN, unix.POLLOUT

	zero := s.timespec(4096, 0)
	s.want(0, ppoll, s.two(), 2, zero, 0)
	if s.revents(0) != 0 || s.revents(1) != 0 {
		t.Errorf("revents %d %d", s.revents(0), s.revents(1))
	}
	begin := time.Now()
	s.want(0, ppoll, s.two(), 2, s.timespec(4096, 40*time.Millisecond), 0)
	if d := time.Since(begin); d < 40*time.Millisecond || d > late {
		t.Errorf("timeout after %v", d)
	}
	s.want(1, ppoll, s.pollfds(-1, in, 3, in|out), 2, 0, 0)
	if s.revents(0) != 0 || s.revents(1) != int16(out) {
		t.Errorf("revents %d %d", s.revents(0), s.revents(1))
	}

	s.beginCall(ppoll, s.two(), 2, 0, 0)
	s.blocks(kernel.WaitPoll)
	unix.Write(s.w, []byte("x"))
	if n := s.finish(); n != 1 || s.revents(0) != 0 || s.revents(1) != int16(in) {
		t.Errorf("%d, revents %d %d", n, s.revents(0), s.revents(1))
	}
	s.want(1, read, 4, 5000, 1)

	// A late write of the wake descriptor wakes nobody for nothing.
	writeEventfd(int(s.fast.WakeFD))
	s.want(0, ppoll, s.two(), 2, s.timespec(4096, 20*time.Millisecond), 0)

	unix.Close(s.peer)
	s.want(1, ppoll, s.two(), 2, 0, 0)
	if s.revents(0) != int16(unix.POLLIN|unix.POLLHUP) {
		t.Errorf("revents %#x", s.revents(0))
	}
}

// TestFastPathPollSignals: before, during, blocked ones, the one that cannot be blocked.
func TestFastPathPollSignals(t *testing.T) {
	s := newPoller(t)
	const eintr = -int32(unix.EINTR)
	s.post(10)
	s.want(eintr, ppoll, s.two(), 2, 0, 0)
	s.want(eintr, ppoll, s.two(), 2, s.timespec(4096, 0), 0)
	s.want(eintr, ppoll, s.two(), 0, 0, 0)
	*s.pending() = 0
	s.beginCall(ppoll, s.two(), 2, 0, 0)
	s.blocks(kernel.WaitPoll)
	s.post(10)
	if n := s.finish(); n != eintr {
		t.Errorf("signal: %d", n)
	}
	*s.blocked() = 1 << 9
	begin := time.Now()
	s.beginCall(ppoll, s.two(), 2, s.timespec(4096, 400*time.Millisecond), 0)
	s.blocks(kernel.WaitPoll)
	for range 5 {
		s.post(10)
		time.Sleep(5 * time.Millisecond)
	}
	if n, d := s.finish(), time.Since(begin); n != 0 || d < 400*time.Millisecond || d > late {
		t.Errorf("blocked signal: %d after %v", n, d)
	}
	*s.blocked() = 0xffffffff
	*s.pending() = 0
	s.beginCall(ppoll, s.two(), 2, 0, 0)
	s.blocks(kernel.WaitPoll)
	s.post(9)
	if n := s.finish(); n != eintr {
		t.Errorf("SIGKILL: %d", n)
	}
}

// TestFastPathPollRefuses: descriptors that cannot be polled, closed ones, masks and crowds are Go's; times that are none.
func TestFastPathPollRefuses(t *testing.T) {
	s := newPoller(t)
	in := unix.POLLIN
	s.want(asked, ppoll, s.pollfds(3, in, 5, in), 2, 0, 0)
	s.want(asked, ppoll, s.pollfds(3, in, 77, in), 2, 0, 0)
	s.want(asked, ppoll, s.two(), 2, 0, 4096)
	s.want(asked, ppoll, s.two(), 33, 0, 0)
	s.want(asked, ppoll, s.two(), -1, 0, 0)
	s.want(-int32(unix.EINVAL), ppoll, s.two(), 2, s.timespec(4096, -time.Second), 0)
	*s.word(4096 + 8) = 1000000000
	*(*int64)(unsafe.Add(s.base, 4096)) = 0
	s.want(-int32(unix.EINVAL), ppoll, s.two(), 2, 4096, 0)
}

// TestFastPathHostSignals: signals of the host program, as Go's scheduler sends them, do not show.
func TestFastPathHostSignals(t *testing.T) {
	s := newStepper(t, nil)
	r, _ := pipe(t)
	s.fd(3, r, pipeR)
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				unix.Tgkill(os.Getpid(), int(s.tid.Load()), unix.SIGURG)
				time.Sleep(200 * time.Microsecond)
			}
		}
	}()
	for range 5 {
		for name, call := range map[string]func() int32{
			"poll": func() int32 {
				return s.call(ppoll, s.pollfds(3, unix.POLLIN), 1, s.timespec(4096, 50*time.Millisecond), 0)
			},
			"sleep": func() int32 { return s.call(nanosleep, 1, 0, s.timespec(4096, 50*time.Millisecond), 0) },
			"futex": func() int32 {
				return s.call(futex, 6000, 0, 0, s.timespec(4096, 50*time.Millisecond)) + int32(unix.ETIMEDOUT)
			},
		} {
			begin := time.Now()
			n := call()
			if d := time.Since(begin); n != 0 || d < 50*time.Millisecond || d > late {
				t.Errorf("%s: %d after %v", name, n, d)
			}
		}
	}
	close(stop)
	<-stopped
}

// forbidWaitv makes futex_waitv fail with EPERM on the calling thread, as old container runtimes do.
func forbidWaitv() error {
	const futexWaitv = 449
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: futexWaitv, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0x00050000 | uint32(unix.EPERM)}, // SECCOMP_RET_ERRNO
		{Code: unix.BPF_RET | unix.BPF_K, K: 0x7fff0000},                      // SECCOMP_RET_ALLOW
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	err := unix.Prctl(unix.PR_SET_SECCOMP, 2, uintptr(unsafe.Pointer(&prog)), 0, 0)
	runtime.KeepAlive(&prog)
	return err
}

// bothFutexes runs a test with and without futex_waitv.
func bothFutexes(t *testing.T, f func(t *testing.T, begin func(*stepper))) {
	t.Run("waitv", func(t *testing.T) { f(t, nil) })
	t.Run("slices", func(t *testing.T) {
		var err error
		f(t, func(*stepper) { err = forbidWaitv() })
		if err != nil {
			t.Skip("seccomp:", err)
		}
	})
}

func TestFastPathFutex(t *testing.T) {
	bothFutexes(t, func(t *testing.T, begin func(*stepper)) {
		s := newStepper(t, begin)
		const private = 128
		const word = 6000
		for _, flag := range []int32{0, private} {
			*s.word(word) = 5
			s.want(-int32(unix.EAGAIN), futex, word, flag, 4, 0)
			s.want(0, futex, word, 1|flag, 1)

			from := time.Now()
			s.want(-int32(unix.ETIMEDOUT), futex, word, flag, 5, s.timespec(4096, 35*time.Millisecond))
			if d := time.Since(from); d < 35*time.Millisecond || d > late {
				t.Errorf("timeout after %v", d)
			}
			s.want(-int32(unix.ETIMEDOUT), futex, word, flag, 5, s.timespec(4096, 0))

			s.beginCall(futex, word, flag, 5, 0)
			s.blocks(kernel.WaitFutex)
			for {
				n, _, _ := unix.Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(s.word(word))), uintptr(1|flag), 1)
				if n == 1 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			if r := s.finish(); r != 0 {
				t.Errorf("woken: %d", r)
			}

			s.beginCall(futex, word, flag, 5, s.timespec(4096, 1<<62))
			s.blocks(kernel.WaitFutex)
			time.Sleep(2 * time.Millisecond)
			from = time.Now()
			s.post(10)
			if r, d := s.finish(), time.Since(from); r != -int32(unix.EINTR) || d > late {
				t.Errorf("signal: %d after %v", r, d)
			}
			s.want(-int32(unix.EINTR), futex, word, flag, 5, 0)

			// A signal that is blocked does not end the wait.
			*s.blocked() = 1 << 9
			*s.pending() = 0
			s.beginCall(futex, word, flag, 5, s.timespec(4096, 300*time.Millisecond))
			s.blocks(kernel.WaitFutex)
			s.post(10)
			if r := s.finish(); r != -int32(unix.ETIMEDOUT) {
				t.Errorf("blocked signal: %d", r)
			}
			*s.blocked(), *s.pending() = 0, 0
		}
		s.want(asked, futex, word, 9, 5, 0) // FUTEX_WAIT_BITSET
		s.want(asked, futex, word, 3, 5, 0) // FUTEX_REQUEUE
	})
}

// TestFastPathNoLostWake hammers the handshake between poster and waiter.
func TestFastPathNoLostWake(t *testing.T) {
	n := 20000
	if testing.Short() {
		n = 2000
	}
	hammer := func(t *testing.T, s *stepper, call ...int32) {
		posts := make(chan struct{})
		go func() {
			for range posts {
				s.post(10)
			}
		}()
		defer close(posts)
		begin := time.Now()
		for i := range n {
			atomic.StoreUint32(s.pending(), 0)
			s.beginCall(call[0], call[1:]...)
			for range i % 50 {
				runtime.Gosched()
			}
			posts <- struct{}{}
			if r := s.finish(); r != -int32(unix.EINTR) {
				t.Fatalf("round %d: %d", i, r)
			}
		}
		if d := time.Since(begin); d > time.Duration(n)*15*time.Millisecond {
			t.Errorf("%d rounds took %v", n, d)
		}
	}
	t.Run("poll", func(t *testing.T) {
		s := newStepper(t, nil)
		r, _ := pipe(t)
		s.fd(3, r, pipeR)
		hammer(t, s, ppoll, s.pollfds(3, unix.POLLIN), 1, 0, 0)
	})
	t.Run("futex", func(t *testing.T) { hammer(t, newStepper(t, nil), futex, 6000, 0, 0, 0) })
	if !testing.Short() {
		t.Run("futex in slices", func(t *testing.T) {
			n = 300
			s := newStepper(t, func(*stepper) { forbidWaitv() })
			hammer(t, s, futex, 6000, 0, 0, 0)
		})
	}
}

// TestFastPathNoLostFutexWake: a wake of the object that comes together with a signal is not lost.
func TestFastPathNoLostFutexWake(t *testing.T) {
	n := 2000
	if testing.Short() {
		n = 300
	}
	s := newStepper(t, nil)
	const word = 6000
	for i := range n {
		*s.pending() = 0
		s.beginCall(futex, word, 0, 0, 0)
		s.blocks(kernel.WaitFutex)
		go s.post(10)
		woken, _, _ := unix.Syscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(s.word(word))), 1, 1)
		r := s.finish()
		if woken == 1 && r != 0 {
			t.Fatalf("round %d: the waker was told that it woke somebody, who returns %d", i, r)
		}
		for atomic.LoadUint32(s.pending()) == 0 {
			runtime.Gosched()
		}
	}
}
