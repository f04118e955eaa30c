//go:build unix

package kernel

// The kernel's calls of every Unix.

import (
	"net"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

// closeHost closes a host descriptor. It is not retried: the descriptor is gone even after EINTR.
func closeHost(fd int) { unix.Close(fd) }

// dupHost duplicates a host descriptor with close-on-exec set.
func dupHost(fd int) (int, error) {
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
}

// hostDescriptors returns how many descriptors the program may have; 0: no limit is known.
func hostDescriptors() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil || uint64(limit.Cur) > 1<<30 {
		return 0
	}
	return int(limit.Cur)
}

// hostMap maps size bytes of fd from off over the memory at addr, shared, readable and writable (read-only if
// the descriptor is).
func hostMap(addr unsafe.Pointer, size uintptr, fd int, off int64) error {
	_, err := unix.MmapPtr(fd, off, addr, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED)
	return err
}

// hostUnmap removes a mapping that is no guest's.
func hostUnmap(base unsafe.Pointer, size uintptr) { _ = unix.MunmapPtr(base, size) }

// hostMapZero puts private zero pages over the memory at addr.
func hostMapZero(addr unsafe.Pointer, size uintptr) error {
	_, err := unix.MmapPtr(-1, 0, addr, size, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_FIXED|unix.MAP_NORESERVE)
	return err
}

// errnoOf returns the Linux number of a host error, never 0 for an error.
func errnoOf(err error) abi.Errno { return vfs.Errno(err) }

// hostError is the Go error of a Linux error number, for messages: the numbers below 35 are the same everywhere.
func hostError(e abi.Errno) error { return syscall.Errno(e) }

// The guest's bits of poll are the host's; these compile only if the differences are 0.
var (
	_ = [1]struct{}{}[unix.POLLIN-abi.POLLIN]
	_ = [1]struct{}{}[unix.POLLPRI-abi.POLLPRI]
	_ = [1]struct{}{}[unix.POLLOUT-abi.POLLOUT]
	_ = [1]struct{}{}[unix.POLLERR-abi.POLLERR]
	_ = [1]struct{}{}[unix.POLLHUP-abi.POLLHUP]
	_ = [1]struct{}{}[unix.POLLNVAL-abi.POLLNVAL]
)

// zoneName and zoneID translate between the number of a network interface and its name in an IPv6 address.
func zoneName(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

func zoneID(zone string) uint32 {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}

// hostAlloc returns zero memory that is not the Go heap's: it costs only what is touched of it.
func hostAlloc(size int) ([]byte, error) {
	return unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
}

func hostFree(b []byte) { _ = unix.Munmap(b) }
