package kernel

// The descriptor table and what descriptors stand for. A table is touched by its process's thread
// only, and by the parent's before the process starts; the description behind it (openFile) is
// shared by dup and inheritance, so it counts references atomically. Each change of an entry goes
// to the fast path at once (showFastPath).

import (
	"sync/atomic"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

// openFile is an open file description: what dup'ed and inherited descriptors share.
type openFile struct {
	object
	refs  atomic.Int32
	flags atomic.Uint32 // O_ACCMODE, O_APPEND, O_NONBLOCK as the guest set them
}

// object is what a description refers to: disk, stream or listener.
type object interface {
	// fastPath returns what C code may use of this object, FastPathFD.Host, and FastPath flags for how; 0: nothing.
	fastPath() (host uint64, flags uint32)
	// readiness returns the host descriptor to poll in place of this object; -1: always ready. A ring is polled
	// by its own methods.
	readiness() int
	stat() (vfs.Stat, abi.Errno)
	close()
}

type descriptor struct {
	file    *openFile
	cloexec bool
}

func newOpenFile(o object, flags uint32) *openFile {
	f := &openFile{object: o}
	f.refs.Store(1)
	f.flags.Store(flags)
	return f
}

func (f *openFile) ref() *openFile {
	f.refs.Add(1)
	return f
}

func (f *openFile) unref() {
	if f.refs.Add(-1) == 0 {
		f.object.close()
	}
}

func (f *openFile) nonblock() bool { return f.flags.Load()&vfs.O_NONBLOCK != 0 }

// readable and writable tell the access mode.
func (f *openFile) readable() bool { return f.flags.Load()&vfs.O_ACCMODE != vfs.O_WRONLY }

func (f *openFile) writable() bool { return f.flags.Load()&vfs.O_ACCMODE != vfs.O_RDONLY }

// file returns the description of a guest descriptor, or nil.
func (p *Process) file(fd int32) *openFile {
	if fd < 0 || int(fd) >= len(p.fds) {
		return nil
	}
	return p.fds[fd].file
}

// install gives f, whose reference it takes, the lowest free descriptor from low on.
func (p *Process) install(f *openFile, cloexec bool, low int32) (int32, abi.Errno) {
	for fd := int(low); fd >= 0 && fd < len(p.fds); fd++ {
		if p.fds[fd].file == nil {
			p.fds[fd] = descriptor{f, cloexec}
			p.showFastPath(fd)
			return int32(fd), 0
		}
	}
	f.unref()
	return 0, abi.EMFILE
}

// installPair gives a and b, whose references it takes, descriptors, and writes the two to out: both or none.
func (p *Process) installPair(out []byte, cloexec bool, a, b *openFile) abi.Errno {
	first, e := p.install(a, cloexec, 0)
	if e != 0 {
		b.unref()
		return e
	}
	second, e := p.install(b, cloexec, 0)
	if e != 0 {
		p.closeFD(int(first))
		return e
	}
	put32(out, 0, first)
	put32(out, 4, second)
	return 0
}

// closeFD closes a descriptor; a free one is left alone.
func (p *Process) closeFD(fd int) {
	if f := p.fds[fd].file; f != nil {
		p.fds[fd] = descriptor{}
		p.showFastPath(fd)
		f.unref()
	}
}

// inherit copies the descriptors that survive an exec into child. fds, if not nil, replaces the first three;
// -1 keeps the inherited one.
func (p *Process) inherit(child *Process, fds *[3]int32) abi.Errno {
	for fd, d := range p.fds {
		if d.file != nil && !d.cloexec {
			child.fds[fd] = descriptor{file: d.file.ref()}
		}
	}
	if fds == nil {
		return 0
	}
	for i, fd := range fds {
		if fd < 0 {
			continue
		}
		f := p.file(fd)
		if f == nil {
			return abi.EBADF
		}
		child.closeFD(i)
		child.fds[i] = descriptor{file: f.ref()}
	}
	return 0
}
