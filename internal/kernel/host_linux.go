package kernel

// The kernel's calls of Linux.

import (
	"encoding/binary"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
)

// event wakes a thread out of a poll. On Linux it is one eventfd.
type event struct{ r int }

func newEvent() (event, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return event{fd}, err
}

func (e event) signal() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(e.r, one[:]) // EAGAIN: it is readable already
}

func (e event) drain() {
	var n [8]byte
	_, _ = unix.Read(e.r, n[:]) // EAGAIN: somebody drained it
}

func (e event) close() { closeHost(e.r) }

// newShared returns size zero bytes to be mapped by several processes. They are an anonymous file, or where that may not be so large,
// as RLIMIT_FSIZE counts for it too, a mapping that is no file's.
func newShared(name string, size uint32) (shared, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return shared{}, err
	}
	err = unix.Ftruncate(fd, int64(size))
	if err == nil {
		return shared{fd: fd}, nil
	}
	closeHost(fd)
	if err != unix.EFBIG {
		return shared{}, err
	}
	whole := uintptr(pageRound(size))
	base, err := unix.MmapPtr(-1, 0, nil, whole, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON|unix.MAP_NORESERVE)
	return shared{fd: -1, base: base, size: whole}, err
}

// hostMapAgain maps the pages of the shared mapping at base once more, over the memory at addr: mremap(2) with an old size of 0.
func hostMapAgain(base, addr unsafe.Pointer, size uintptr) error {
	_, _, errno := unix.Syscall6(unix.SYS_MREMAP, uintptr(base), 0, size, unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED, uintptr(addr), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

func newPipe() (r, w int, err error) {
	var p [2]int
	err = unix.Pipe2(p[:], unix.O_CLOEXEC|unix.O_NONBLOCK)
	return p[0], p[1], err
}

func newSocket(domain, typ, proto int) (int, error) {
	return unix.Socket(domain, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, proto)
}

func newSocketpair() (a, b int, err error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	return p[0], p[1], err
}

func hostPoll(fds []unix.PollFd, timeout time.Duration) (int, error) {
	if timeout < 0 {
		return unix.Ppoll(fds, nil, nil)
	}
	ts := unix.NsecToTimespec(int64(timeout))
	return unix.Ppoll(fds, &ts, nil)
}

// futexWaitv is struct futex_waitv of <linux/futex.h>.
type futexWaitv struct {
	val      uint64
	addr     uint64
	flags    uint32
	reserved uint32
}

const (
	futex32           = 2                 // FUTEX2_SIZE_U32
	waitvPrivate      = abi.FUTEX_PRIVATE // FUTEX2_PRIVATE
	sliceWithoutWaitv = 10 * time.Millisecond
)

// hostFutexWait blocks until word is woken, the pending word, expected to hold old, is woken, or the deadline
// has passed. The object word may be in shared memory, so its futex is a shared one. again tells that the
// caller must look at everything anew; without it, the wait ended with e (0: woken).
func hostFutexWait(word *uint32, val uint32, pending *uint32, old uint32, deadline time.Time) (again bool, e abi.Errno) {
	// Linux returns the highest index that was woken, so the object comes last: its wake-up must not be lost to a
	// signal that comes at the same time.
	waiters := [2]futexWaitv{
		{uint64(old), uint64(uintptr(unsafe.Pointer(pending))), futex32 | waitvPrivate, 0},
		{uint64(val), uint64(uintptr(unsafe.Pointer(word))), futex32, 0},
	}
	var ts *unix.Timespec
	if !deadline.IsZero() {
		// The call takes an absolute time of the clock named.
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			return false, errnoOf(err)
		}
		t := unix.NsecToTimespec(now.Nano() + max(int64(time.Until(deadline)), 0))
		ts = &t
	}
	woken, _, errno := unix.Syscall6(unix.SYS_FUTEX_WAITV, uintptr(unsafe.Pointer(&waiters[0])), 2, 0,
		uintptr(unsafe.Pointer(ts)), unix.CLOCK_MONOTONIC, 0)
	switch errno {
	case 0:
		return woken == 0, 0
	case unix.EAGAIN, unix.EINTR:
		return true, 0
	case unix.ETIMEDOUT:
		return false, abi.ETIMEDOUT
	case unix.ENOSYS: // Linux before 5.16
		return futexWaitSliced(word, val, deadline)
	}
	return false, errnoOf(errno)
}

// futexWaitSliced waits on one word in short slices, between which the caller looks at the signals.
func futexWaitSliced(word *uint32, val uint32, deadline time.Time) (bool, abi.Errno) {
	slice := sliceWithoutWaitv
	last := false
	if !deadline.IsZero() {
		if left := max(time.Until(deadline), 0); left < slice {
			slice, last = left, true
		}
	}
	ts := unix.NsecToTimespec(int64(slice))
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), abi.FUTEX_WAIT, uintptr(val),
		uintptr(unsafe.Pointer(&ts)), 0, 0)
	switch {
	case errno == 0:
		return false, 0
	case errno == unix.ETIMEDOUT && last:
		return false, abi.ETIMEDOUT
	}
	return true, 0
}

func hostFutexWake(word *uint32, n int32) (int32, abi.Errno) {
	woken, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), abi.FUTEX_WAKE, uintptr(n), 0, 0, 0)
	if errno != 0 {
		return 0, errnoOf(errno)
	}
	return int32(woken), 0
}

// wakeWord wakes whoever waits on a signal word.
func wakeWord(word *uint32) {
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), abi.FUTEX_WAKE|abi.FUTEX_PRIVATE, 1<<30, 0, 0, 0)
}

// threadTimes returns the processor time the calling thread has used.
func threadTimes() (user, system time.Duration) {
	const rusageThread = 1 // RUSAGE_THREAD of <linux/resource.h>
	var ru unix.Rusage
	if unix.Getrusage(rusageThread, &ru) != nil {
		return 0, 0
	}
	return time.Duration(ru.Utime.Nano()), time.Duration(ru.Stime.Nano())
}

func totalMemory() (total, free uint64) {
	var si unix.Sysinfo_t
	if unix.Sysinfo(&si) != nil {
		return 1 << 30, 1 << 29
	}
	unit := uint64(si.Unit)
	return uint64(si.Totalram) * unit, uint64(si.Freeram) * unit
}

// hostNosignal keeps a send to a closed connection from raising SIGPIPE.
const hostNosignal = unix.MSG_NOSIGNAL

var tcpOptions = map[int32]int{
	abi.TCP_NODELAY: unix.TCP_NODELAY, abi.TCP_KEEPIDLE: unix.TCP_KEEPIDLE, abi.TCP_KEEPINTVL: unix.TCP_KEEPINTVL,
	abi.TCP_KEEPCNT: unix.TCP_KEEPCNT, abi.TCP_USER_TIMEOUT: unix.TCP_USER_TIMEOUT,
}

func hostSyncRange(fd int, off, n int64, flags int) error {
	return unix.SyncFileRange(fd, off, n, flags)
}

func hostSyncFS(fd int) error { return unix.Syncfs(fd) }

// hostCopyRange lets the host copy; ok is false if it cannot between these two files.
func hostCopyRange(in, out int, from, to int64, n int) (done int, ok bool, err error) {
	for {
		done, err = unix.CopyFileRange(in, &from, out, &to, n, 0)
		switch err {
		case unix.EINTR:
			continue
		case unix.ENOSYS, unix.EXDEV, unix.EOPNOTSUPP, unix.EINVAL, unix.EPERM:
			return 0, false, nil
		}
		return max(done, 0), true, err
	}
}

func hostAdvise(fd int, off, n int64, advice int) error {
	return unix.Fadvise(fd, off, n, advice)
}

func dupOver(from, to int) error { return unix.Dup3(from, to, unix.O_CLOEXEC) }

// hostTTY passes a terminal request on: the structures are the same on every Linux.
func hostTTY(fd int, request int32, b []byte) abi.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(unsafe.Pointer(&b[0])))
	if errno != 0 {
		return errnoOf(errno)
	}
	return 0
}
