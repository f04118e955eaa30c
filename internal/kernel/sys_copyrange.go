package kernel

// copy_file_range.

import (
	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

// copyChunk is how much is copied at a time where the host cannot do it by itself, and copyMost in one call: bytes. A
// signal is noticed after the call.
const (
	copyChunk = 128 << 10
	copyMost  = 64 << 20
)

// copyFileRange serves copy_file_range(in, *offIn, out, *offOut, n, flags), by which file_copy_method = clone copies
// databases: on file systems with reflinks the copy shares blocks with the original.
func (p *Process) copyFileRange(a *[6]int32) (int32, abi.Errno) {
	in, src, e := p.regular(a[0])
	if e != 0 {
		return 0, e
	}
	out, dst, e := p.regular(a[2])
	if e != 0 {
		return 0, e
	}
	if a[5] != 0 {
		return 0, abi.EINVAL
	}
	if !in.readable() || !out.writable() || out.flags.Load()&vfs.O_APPEND != 0 {
		return 0, abi.EBADF
	}
	from, e := p.rangeOffset(src, a[1])
	if e != 0 {
		return 0, e
	}
	to, e := p.rangeOffset(dst, a[3])
	if e != 0 {
		return 0, e
	}
	n := int(min(uint32(a[4]), copyMost))
	if overlap(src, dst, from.at, to.at, int64(n)) {
		return 0, abi.EINVAL
	}
	done, err := copyRange(src.file, dst.file, from.at, to.at, n)
	if err != nil && done == 0 {
		return 0, errnoOf(err)
	}
	if err := from.advance(src, done); err != nil {
		return 0, errnoOf(err)
	}
	if err := to.advance(dst, done); err != nil {
		return 0, errnoOf(err)
	}
	return int32(done), 0
}

// rangeOffset is where one side of the copy begins: at a number in guest memory, or at the file's own offset.
type rangeOffset struct {
	at  int64
	mem []byte // nil: the file's own
}

func (p *Process) rangeOffset(d *disk, addr int32) (rangeOffset, abi.Errno) {
	if addr == 0 {
		at, err := d.file.Seek(0, vfs.SEEK_CUR)
		if err != nil {
			return rangeOffset{}, errnoOf(err)
		}
		return rangeOffset{at: at}, 0
	}
	b, ok := p.mem.bytes(uint32(addr), 8)
	if !ok {
		return rangeOffset{}, abi.EFAULT
	}
	if at := i64(b, 0); at >= 0 {
		return rangeOffset{at, b}, 0
	}
	return rangeOffset{}, abi.EINVAL
}

func (o rangeOffset) advance(d *disk, n int) error {
	if o.mem != nil {
		put64(o.mem, 0, o.at+int64(n))
		return nil
	}
	_, err := d.file.Seek(o.at+int64(n), vfs.SEEK_SET)
	return err
}

// overlap reports whether a copy would read what it has written.
func overlap(src, dst *disk, from, to, n int64) bool {
	if from >= to+n || to >= from+n {
		return false
	}
	a, e := src.stat()
	b, f := dst.stat()
	return e == 0 && f == 0 && a.Dev == b.Dev && a.Ino == b.Ino
}

// copyRange copies up to n bytes, fewer at the end of the file.
func copyRange(src, dst vfs.File, from, to int64, n int) (int, error) {
	if in, out := src.Fd(), dst.Fd(); in >= 0 && out >= 0 {
		if done, ok, err := hostCopyRange(in, out, from, to, n); ok {
			return done, err
		}
	}
	buf := make([]byte, min(n, copyChunk))
	for done := 0; done < n; {
		got, err := src.Pread(buf[:min(len(buf), n-done)], from+int64(done))
		if err != nil || got == 0 {
			return done, err
		}
		for put := 0; put < got; {
			m, err := dst.Pwrite(buf[put:got], to+int64(done+put))
			if err != nil {
				return done + put, err
			}
			put += m
		}
		done += got
	}
	return n, nil
}
