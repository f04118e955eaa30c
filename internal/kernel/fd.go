package kernel

import (
	"sync/atomic"

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
	// lane returns what C code may use of this object, LaneFD.Host, and Lane flags for how; 0: nothing.
	lane() (host uint64, flags uint32)
	// readiness returns the host descriptor to poll in place of this object; -1: always ready. A ring is polled
	// by its own methods.
	readiness() int
	stat() (vfs.Stat, int32)
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
func (p *Process) install(f *openFile, cloexec bool, low int32) int32 {
	for fd := int(low); fd >= 0 && fd < len(p.fds); fd++ {
		if p.fds[fd].file == nil {
			p.fds[fd] = descriptor{f, cloexec}
			p.showLane(fd)
			return int32(fd)
		}
	}
	f.unref()
	return -EMFILE
}

// closeFD closes a descriptor; a free one is left alone.
func (p *Process) closeFD(fd int) {
	if f := p.fds[fd].file; f != nil {
		p.fds[fd] = descriptor{}
		p.showLane(fd)
		f.unref()
	}
}

// showLane tells the C lane what it may do with a descriptor.
func (p *Process) showLane(fd int) {
	if p.lane == nil {
		return
	}
	e := &p.lane.FD[fd]
	f := p.fds[fd].file
	if f == nil {
		atomic.StoreUint32(&e.Flags, 0)
		return
	}
	host, flags := f.lane()
	if flags&LaneFile != 0 && f.flags.Load()&vfs.O_APPEND != 0 {
		flags = 0 // where a write goes is then not the caller's to say
	}
	if flags != 0 {
		if f.readable() {
			flags |= LaneRead
		}
		if f.writable() {
			flags |= LaneWrite
		}
		if f.nonblock() {
			flags |= LaneNonblock
		}
	}
	atomic.StoreUint64(&e.Host, host)
	atomic.StoreUint32(&e.Flags, flags)
}

func (p *Process) close(a *[6]int32) int32 {
	if p.file(a[0]) == nil {
		return -EBADF
	}
	p.closeFD(int(a[0]))
	return 0
}

func (p *Process) dup(a *[6]int32) int32 {
	f := p.file(a[0])
	if f == nil {
		return -EBADF
	}
	return p.install(f.ref(), false, 0)
}

func (p *Process) dup3(a *[6]int32) int32 {
	f, to := p.file(a[0]), a[1]
	if f == nil || to < 0 || int(to) >= len(p.fds) {
		return -EBADF
	}
	if a[0] == to {
		return -EINVAL
	}
	f.ref()
	p.closeFD(int(to))
	p.fds[to] = descriptor{f, uint32(a[2])&vfs.O_CLOEXEC != 0}
	p.showLane(int(to))
	return to
}

// Commands of fcntl, from Linux's generic <asm/fcntl.h>.
const (
	fDupfd        = 0
	fGetfd        = 1
	fSetfd        = 2
	fGetfl        = 3
	fSetfl        = 4
	fDupfdCloexec = 1030
)

func (p *Process) fcntl(a *[6]int32) int32 {
	f := p.file(a[0])
	if f == nil {
		return -EBADF
	}
	switch a[1] {
	case fDupfd, fDupfdCloexec:
		if a[2] < 0 || int(a[2]) >= len(p.fds) {
			return -EINVAL
		}
		return p.install(f.ref(), a[1] == fDupfdCloexec, a[2])
	case fGetfd:
		if p.fds[a[0]].cloexec {
			return 1
		}
		return 0
	case fSetfd:
		p.fds[a[0]].cloexec = a[2]&1 != 0
		return 0
	case fGetfl:
		return int32(f.flags.Load())
	case fSetfl:
		const settable = vfs.O_APPEND | vfs.O_NONBLOCK
		f.flags.Store(f.flags.Load()&^settable | uint32(a[2])&settable)
		p.showLane(int(a[0]))
		return 0
	}
	return -EINVAL
}

// inherit copies the descriptors that survive an exec into child. fds, if not nil, replaces the first three;
// -1 keeps the inherited one.
func (p *Process) inherit(child *Process, fds *[3]int32) int32 {
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
			return EBADF
		}
		child.closeFD(i)
		child.fds[i] = descriptor{file: f.ref()}
	}
	return 0
}
