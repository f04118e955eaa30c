package kernel

// The kernel's calls of macOS.

import (
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
)

// event wakes a thread out of a poll. Without eventfd it is a pipe.
type event struct{ r, w int }

func newEvent() (event, error) {
	r, w, err := newPipe()
	return event{r, w}, err
}

func (e event) signal() { unix.Write(e.w, []byte{1}) } // EAGAIN: it is readable already

func (e event) drain() {
	var b [64]byte
	for {
		if n, err := unix.Read(e.r, b[:]); n < len(b) && err != unix.EINTR {
			return
		}
	}
}

func (e event) close() {
	closeHost(e.r)
	closeHost(e.w)
}

// newShared returns size zero bytes to be mapped by several processes: a temporary file that has no name any more.
func newShared(name string, size uint32) (shared, error) {
	f, err := os.CreateTemp("", "embeddedpg-"+name)
	if err != nil {
		return shared{}, err
	}
	defer f.Close()
	os.Remove(f.Name())
	fd, err := dupHost(int(f.Fd()))
	if err != nil {
		return shared{}, err
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		closeHost(fd)
		return shared{}, err
	}
	return shared{fd: fd}, nil
}

// hostMapAgain is for shared memory without a file, of which there is none here.
func hostMapAgain(_, _ unsafe.Pointer, _ uintptr) error { return unix.ENOSYS }

// private sets the flags that Linux sets atomically. A program started between the two calls could inherit the
// descriptor: Go's fork lock is held against that by os/exec only, so it is taken here too.
func private(fds ...int) error {
	for _, fd := range fds {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			return err
		}
	}
	return nil
}

func newPipe() (r, w int, err error) {
	var p [2]int
	if err = unix.Pipe(p[:]); err == nil {
		err = private(p[:]...)
	}
	return p[0], p[1], err
}

func newSocket(domain, typ, proto int) (int, error) {
	fd, err := unix.Socket(domain, typ, proto)
	if err != nil {
		return -1, err
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1)
	return fd, private(fd)
}

func newSocketpair() (a, b int, err error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		for _, fd := range p {
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1)
		}
		err = private(p[:]...)
	}
	return p[0], p[1], err
}

func hostPoll(fds []unix.PollFd, timeout time.Duration) (int, error) {
	ms := -1
	if timeout >= 0 {
		ms = int((timeout + time.Millisecond - 1) / time.Millisecond)
	}
	return unix.Poll(fds, ms)
}

// Without futexes on shared memory, waiters of all words of a host program share one condition: a wake-up
// wakes them all, and each looks at its own words again.
var futexes = struct {
	sync.Mutex
	changed chan struct{} // closed and replaced by every wake-up
}{changed: make(chan struct{})}

func hostFutexWait(word *uint32, val uint32, pending *uint32, old uint32, deadline time.Time) (again bool, e abi.Errno) {
	futexes.Lock()
	changed := futexes.changed
	same := atomic.LoadUint32(word) == val && atomic.LoadUint32(pending) == old
	futexes.Unlock()
	if !same {
		return true, 0
	}
	var timeout <-chan time.Time
	if !deadline.IsZero() {
		t := time.NewTimer(time.Until(deadline))
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-changed:
		return atomic.LoadUint32(word) == val, 0
	case <-timeout:
		return false, abi.ETIMEDOUT
	}
}

func hostFutexWake(_ *uint32, n int32) (int32, abi.Errno) {
	futexes.Lock()
	defer futexes.Unlock()
	close(futexes.changed)
	futexes.changed = make(chan struct{})
	return n, 0
}

func wakeWord(word *uint32) { hostFutexWake(word, 1) }

// threadTimes returns the processor time of the whole program: macOS tells no thread's by getrusage.
func threadTimes() (user, system time.Duration) {
	var ru unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &ru) != nil {
		return 0, 0
	}
	return time.Duration(ru.Utime.Nano()), time.Duration(ru.Stime.Nano())
}

func totalMemory() (total, free uint64) {
	n, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 1 << 30, 1 << 29
	}
	return n, n / 2
}

const hostNosignal = 0 // SO_NOSIGPIPE is set on the socket

var tcpOptions = map[int32]int{
	abi.TCP_NODELAY: unix.TCP_NODELAY, abi.TCP_KEEPIDLE: unix.TCP_KEEPALIVE, abi.TCP_KEEPINTVL: unix.TCP_KEEPINTVL,
	abi.TCP_KEEPCNT: unix.TCP_KEEPCNT,
}

func hostSyncRange(int, int64, int64, int) error { return nil }

// hostSyncFS: macOS cannot say that a file system is on stable storage.
func hostSyncFS(int) error { return unix.ENOSYS }

// hostCopyRange: macOS copies whole files only.
func hostCopyRange(int, int, int64, int64, int) (done int, ok bool, err error) { return 0, false, nil }

func hostAdvise(int, int64, int64, int) error { return nil }

func dupOver(from, to int) error {
	if err := unix.Dup2(from, to); err != nil {
		return err
	}
	return private(to)
}

// hostTTY translates nothing yet: macOS has other terminal structures, so a guest sees no terminal there.
func hostTTY(int, int32, []byte) abi.Errno { return abi.ENOTTY }
