package kernel

// read and write in their forms without an offset, for every kind of object.

import (
	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

// readFrom reads from any object. With nowait it returns EAGAIN where it would wait.
func (p *Process) readFrom(f *openFile, b []byte, nowait bool) (int32, abi.Errno) {
	if !f.readable() {
		return 0, abi.EBADF
	}
	switch o := f.object.(type) {
	case *disk:
		if o.dir {
			return 0, abi.EISDIR
		}
		return count(o.file.Read(b))
	case *stream:
		return p.streamRead(f, o, b, nowait)
	}
	return 0, abi.EINVAL
}

// writeTo writes to any object: to one that may block, all of b.
func (p *Process) writeTo(f *openFile, b []byte, _ bool) (int32, abi.Errno) {
	if !f.writable() {
		return 0, abi.EBADF
	}
	switch o := f.object.(type) {
	case *disk:
		return count(o.file.Write(b))
	case *stream:
		return p.streamWrite(f, o, b)
	}
	return 0, abi.EINVAL
}

// count makes a system call's result of what a vfs.File says: bytes already moved win over the error.
func count(n int, err error) (int32, abi.Errno) {
	if n > 0 || err == nil {
		return int32(n), 0
	}
	return 0, errnoOf(err)
}

func (p *Process) read(a *[6]int32) (int32, abi.Errno) { return p.transferOne(a, p.readFrom) }

func (p *Process) write(a *[6]int32) (int32, abi.Errno) { return p.transferOne(a, p.writeTo) }

// mover is readFrom or writeTo.
type mover func(f *openFile, b []byte, nowait bool) (int32, abi.Errno)

func (p *Process) transferOne(a *[6]int32, move mover) (int32, abi.Errno) {
	f := p.file(a[0])
	if f == nil {
		return 0, abi.EBADF
	}
	b, ok := p.mem.bytes(uint32(a[1]), uint32(a[2]))
	if !ok {
		return 0, abi.EFAULT
	}
	return move(f, b[:min(len(b), maxTransfer)], false)
}

func (p *Process) readv(a *[6]int32) (int32, abi.Errno) { return p.transferAll(a, p.readFrom) }

func (p *Process) writev(a *[6]int32) (int32, abi.Errno) { return p.transferAll(a, p.writeTo) }

// transferAll waits for the first buffer only: what has come then is what a read returns.
func (p *Process) transferAll(a *[6]int32, move mover) (int32, abi.Errno) {
	f := p.file(a[0])
	if f == nil {
		return 0, abi.EBADF
	}
	bufs, e := p.mem.iovecs(uint32(a[1]), a[2])
	if e != 0 {
		return 0, e
	}
	return vectored(bufs, func(b []byte, done int) (int32, abi.Errno) { return move(f, b, done > 0) })
}

// vectored moves each buffer in turn until one is not moved whole. op gets the number of bytes moved before.
func vectored(bufs [][]byte, op func(b []byte, done int) (int32, abi.Errno)) (int32, abi.Errno) {
	total := int32(0)
	for _, b := range bufs {
		if len(b) == 0 {
			continue
		}
		n, e := op(b, int(total))
		if e != 0 {
			if total > 0 {
				return total, 0
			}
			return 0, e
		}
		total += n
		if int(n) < len(b) {
			break
		}
	}
	return total, 0
}

// zero makes a system call's result of an error.
func zero(err error) (int32, abi.Errno) {
	if err != nil {
		return 0, errnoOf(err)
	}
	return 0, 0
}

// pipe2 makes a pipe. The structure is {i32 read end, i32 write end}.
func (p *Process) pipe2(a *[6]int32) (int32, abi.Errno) {
	out, ok := p.mem.bytes(uint32(a[0]), 8)
	if !ok {
		return 0, abi.EFAULT
	}
	r, w, err := newPipe()
	if err != nil {
		return 0, errnoOf(err)
	}
	flags := uint32(a[1])
	cloexec := flags&vfs.O_CLOEXEC != 0
	flags &= vfs.O_NONBLOCK
	return 0, p.installPair(out, cloexec,
		newOpenFile(&stream{fd: r, kind: streamPipe}, vfs.O_RDONLY|flags),
		newOpenFile(&stream{fd: w, kind: streamPipe}, vfs.O_WRONLY|flags))
}
