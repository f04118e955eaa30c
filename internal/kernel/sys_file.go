package kernel

// Calls on regular files: at an offset, or about the whole file.

import (
	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

func (p *Process) pread(a *[6]int32) (int32, abi.Errno) {
	f, d, e := p.regular(a[0])
	if e != 0 {
		return 0, e
	}
	b, ok := p.mem.bytes(uint32(a[1]), uint32(a[2]))
	if !ok {
		return 0, abi.EFAULT
	}
	if !f.readable() {
		return 0, abi.EBADF
	}
	return count(d.file.Pread(b, long(a[3], a[4])))
}

func (p *Process) pwrite(a *[6]int32) (int32, abi.Errno) {
	f, d, e := p.regular(a[0])
	if e != 0 {
		return 0, e
	}
	b, ok := p.mem.bytes(uint32(a[1]), uint32(a[2]))
	if !ok {
		return 0, abi.EFAULT
	}
	if !f.writable() {
		return 0, abi.EBADF
	}
	return count(d.file.Pwrite(b, long(a[3], a[4])))
}

// preadv and pwritev serve also preadv2 and pwritev2 without flags; musl's pwrite is a pwritev2 first.
func (p *Process) preadv(a *[6]int32) (int32, abi.Errno) {
	return p.vectoredAt(a, false)
}

func (p *Process) pwritev(a *[6]int32) (int32, abi.Errno) {
	return p.vectoredAt(a, true)
}

func (p *Process) preadv2(a *[6]int32) (int32, abi.Errno) {
	if a[5] != 0 {
		return 0, abi.EOPNOTSUPP
	}
	if long(a[3], a[4]) == ownOffset {
		return p.readv(a)
	}
	return p.vectoredAt(a, false)
}

// ownOffset is what preadv2 and pwritev2 take for the file's own offset.
const ownOffset = -1

// pwritev2's RWF_NOAPPEND is what musl's pwrite asks for: write at the offset even with O_APPEND. No file of
// PostgreSQL is written both ways, so the flag changes nothing here.
func (p *Process) pwritev2(a *[6]int32) (int32, abi.Errno) {
	if a[5]&^abi.RWF_NOAPPEND != 0 {
		return 0, abi.EOPNOTSUPP
	}
	if long(a[3], a[4]) == ownOffset {
		return p.writev(a)
	}
	return p.vectoredAt(a, true)
}

func (p *Process) vectoredAt(a *[6]int32, write bool) (int32, abi.Errno) {
	f, d, e := p.regular(a[0])
	if e != 0 {
		return 0, e
	}
	bufs, e := p.mem.iovecs(uint32(a[1]), a[2])
	if e != 0 {
		return 0, e
	}
	off := long(a[3], a[4])
	if write {
		if !f.writable() {
			return 0, abi.EBADF
		}
		return vectored(bufs, func(b []byte, done int) (int32, abi.Errno) { return count(d.file.Pwrite(b, off+int64(done))) })
	}
	if !f.readable() {
		return 0, abi.EBADF
	}
	return vectored(bufs, func(b []byte, done int) (int32, abi.Errno) { return count(d.file.Pread(b, off+int64(done))) })
}

// llseek serves _llseek(fd, high, low, *result, whence).
func (p *Process) llseek(a *[6]int32) (int32, abi.Errno) {
	f := p.file(a[0])
	if f == nil {
		return 0, abi.EBADF
	}
	d, ok := f.object.(*disk)
	if !ok {
		return 0, abi.ESPIPE
	}
	out, ok := p.mem.bytes(uint32(a[3]), 8)
	if !ok {
		return 0, abi.EFAULT
	}
	if d.dir {
		if long(a[2], a[1]) != 0 || a[4] != vfs.SEEK_SET {
			return 0, abi.EINVAL
		}
		d.rewind()
		put64(out, 0, 0)
		return 0, 0
	}
	off, err := d.file.Seek(long(a[2], a[1]), int(a[4]))
	if err != nil {
		return 0, errnoOf(err)
	}
	put64(out, 0, off)
	return 0, 0
}

func (p *Process) fsync(a *[6]int32) (int32, abi.Errno) { return p.sync(a[0], false) }

func (p *Process) fdatasync(a *[6]int32) (int32, abi.Errno) { return p.sync(a[0], true) }

func (p *Process) sync(fd int32, dataOnly bool) (int32, abi.Errno) {
	d, e := p.synced(fd)
	if e != 0 {
		return 0, e
	}
	return zero(d.file.Sync(dataOnly))
}

// syncfs writes out the file system that a descriptor's file lies in. A file without a descriptor of the host is synced alone.
func (p *Process) syncfs(a *[6]int32) (int32, abi.Errno) {
	d, e := p.synced(a[0])
	if e != 0 {
		return 0, e
	}
	if fd := d.file.Fd(); fd >= 0 {
		return zero(hostSyncFS(fd))
	}
	return zero(d.file.Sync(false))
}

// synced returns the file of a descriptor that can be synced.
func (p *Process) synced(fd int32) (*disk, abi.Errno) {
	f := p.file(fd)
	if f == nil {
		return nil, abi.EBADF
	}
	d, ok := f.object.(*disk)
	if !ok {
		return nil, abi.EINVAL
	}
	return d, 0
}

// syncFileRange and fadvise are hints that a host may ignore.
func (p *Process) syncFileRange(a *[6]int32) (int32, abi.Errno) {
	_, d, e := p.regular(a[0])
	if e != 0 {
		return 0, e
	}
	if fd := d.file.Fd(); fd >= 0 {
		return zero(hostSyncRange(fd, long(a[1], a[2]), long(a[3], a[4]), int(a[5])))
	}
	return 0, 0
}

func (p *Process) fadvise(a *[6]int32) (int32, abi.Errno) {
	_, d, e := p.regular(a[0])
	if e != 0 {
		return 0, e
	}
	if fd := d.file.Fd(); fd >= 0 {
		return zero(hostAdvise(fd, long(a[1], a[2]), long(a[3], a[4]), int(a[5])))
	}
	return 0, 0
}

func (p *Process) fallocate(a *[6]int32) (int32, abi.Errno) {
	f, d, e := p.regular(a[0])
	if e != 0 {
		return 0, e
	}
	if a[1] != 0 { // holes and the like
		return 0, abi.EOPNOTSUPP
	}
	if !f.writable() {
		return 0, abi.EBADF
	}
	return zero(d.file.Allocate(long(a[2], a[3]), long(a[4], a[5])))
}

func (p *Process) ftruncate(a *[6]int32) (int32, abi.Errno) {
	f, d, e := p.regular(a[0])
	if e != 0 {
		return 0, e
	}
	if !f.writable() {
		return 0, abi.EINVAL
	}
	return zero(d.file.Truncate(long(a[1], a[2])))
}
