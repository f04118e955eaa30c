package kernel

// Guest memory in one system call. Every address comes from the guest and is checked against the
// memory's size before anything is touched; a slice of it must not outlive the call. The guest
// has one thread, so what was checked does not change under the call, but for shared mappings: no
// value there is trusted, or read twice.

import (
	"bytes"
	"encoding/binary"
	"unsafe"

	"nself.org/embeddedpg/internal/abi"
)

// memory is a guest's linear memory as one system call sees it. Every access is checked against size;
// an address outside is EFAULT. A slice of it is valid until the call returns.
type memory struct {
	base unsafe.Pointer
	size uint64
}

// bytes returns the n bytes at addr. n may be 0.
func (m memory) bytes(addr, n uint32) ([]byte, bool) {
	if uint64(addr)+uint64(n) > m.size {
		return nil, false
	}
	return unsafe.Slice((*byte)(unsafe.Add(m.base, addr)), n), true
}

// maxArg bounds the strings of argv and environ: Linux's MAX_ARG_STRLEN.
const maxArg = 128 << 10

// str returns the NUL-terminated string at addr, of less than limit bytes.
func (m memory) str(addr uint32, limit int) (string, abi.Errno) {
	if uint64(addr) >= m.size {
		return "", abi.EFAULT
	}
	n := min(uint64(limit), m.size-uint64(addr))
	b := unsafe.Slice((*byte)(unsafe.Add(m.base, addr)), n)
	i := bytes.IndexByte(b, 0)
	if i < 0 {
		if n == uint64(limit) {
			return "", abi.ENAMETOOLONG
		}
		return "", abi.EFAULT
	}
	return string(b[:i]), 0
}

// strs returns a NULL-terminated array of strings (argv, environ).
func (m memory) strs(addr uint32) ([]string, abi.Errno) {
	var v []string
	for ; ; addr += 4 {
		b, ok := m.bytes(addr, 4)
		if !ok || len(v) > 1<<16 {
			return nil, abi.EFAULT
		}
		ptr := binary.LittleEndian.Uint32(b)
		if ptr == 0 {
			return v, 0
		}
		s, e := m.str(ptr, maxArg)
		if e != 0 {
			return nil, e
		}
		v = append(v, s)
	}
}

// maxTransfer is the most that a call moves: MAX_RW_COUNT of <linux/fs.h>.
const maxTransfer = 0x7fff_f000

// iovecs returns the buffers of an array of n struct iovec.
func (m memory) iovecs(addr uint32, n int32) ([][]byte, abi.Errno) {
	if n < 0 || n > 1024 {
		return nil, abi.EINVAL
	}
	b, ok := m.bytes(addr, uint32(n)*abi.SizeofIovec)
	if !ok {
		return nil, abi.EFAULT
	}
	v, total := make([][]byte, 0, n), uint64(0)
	for ; len(b) > 0; b = b[abi.SizeofIovec:] {
		buf, ok := m.bytes(u32(b, abi.OffIovecBase), u32(b, abi.OffIovecLen))
		if !ok {
			return nil, abi.EFAULT
		}
		if total += uint64(len(buf)); total > maxTransfer {
			return nil, abi.EINVAL
		}
		v = append(v, buf)
	}
	return v, 0
}

func u16(b []byte, off int) uint16       { return binary.LittleEndian.Uint16(b[off:]) }
func u32(b []byte, off int) uint32       { return binary.LittleEndian.Uint32(b[off:]) }
func i32(b []byte, off int) int32        { return int32(u32(b, off)) }
func i64(b []byte, off int) int64        { return int64(binary.LittleEndian.Uint64(b[off:])) }
func put16(b []byte, off int, v uint16)  { binary.LittleEndian.PutUint16(b[off:], v) }
func put32(b []byte, off int, v int32)   { binary.LittleEndian.PutUint32(b[off:], uint32(v)) }
func putU32(b []byte, off int, v uint32) { binary.LittleEndian.PutUint32(b[off:], v) }
func put64(b []byte, off int, v int64)   { binary.LittleEndian.PutUint64(b[off:], uint64(v)) }

// long joins the two halves of a 64-bit argument.
func long(lo, hi int32) int64 { return int64(uint32(lo)) | int64(hi)<<32 }
