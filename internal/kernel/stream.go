package kernel

// What can block: sockets, pipes, terminals, rings. Their host descriptors are O_NONBLOCK
// whatever the guest has set, but for terminals, whose flags are the host's; so every wait is one
// of wait.go, which signals end.

import (
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/ring"
	"nself.org/embeddedpg/internal/vfs"
)

type streamKind int

const (
	streamSocket streamKind = iota
	streamPipe
	streamTTY // standard input, output or error handed in from outside, and no regular file: the host's flags on it are not ours to change
)

// stream is a host descriptor that can block: a socket, one end of a pipe, a terminal. Sockets and pipes are
// O_NONBLOCK on the host whatever the guest has set; a read that must block polls first.
//
// A socket may also be a ring, a connection within the program: then fd is not used.
type stream struct {
	fd     int
	ring   *ring.Guest
	kind   streamKind
	domain int32          // of a socket: AF_UNIX, AF_INET or abi.AF_INET6 as the guest sees it
	typ    int32          // of a socket: SOCK_STREAM or SOCK_DGRAM
	peer   netip.AddrPort // of a connection that was pushed in: what accept reported
	pushed bool
	path   string // what a socket is bound to before listen: a guest path, or an address and port
}

func (s *stream) fastPath() (uint64, uint32) {
	switch {
	case s.ring != nil:
		return uint64(s.ring.Address()), FastPathRing
	case s.kind == streamSocket:
		return uint64(s.fd), FastPathSocket | FastPathPoll
	case s.kind == streamPipe:
		return uint64(s.fd), FastPathPipe | FastPathPoll
	}
	return uint64(s.fd), 0
}

func (s *stream) readiness() int {
	if s.ring != nil {
		return s.ring.BellFD()
	}
	return s.fd
}

func (s *stream) close() {
	if s.ring != nil {
		s.ring.Close()
		return
	}
	closeHost(s.fd)
}

func (s *stream) stat() (vfs.Stat, abi.Errno) {
	mode := uint32(vfs.S_IFSOCK | 0o777)
	switch s.kind {
	case streamPipe:
		mode = vfs.S_IFIFO | 0o600
	case streamTTY:
		var st unix.Stat_t
		if err := unix.Fstat(s.fd, &st); err != nil {
			return vfs.Stat{}, errnoOf(err)
		}
		return vfs.Stat{Mode: uint32(st.Mode), Nlink: 1, Blksize: 4096, Rdev: uint64(st.Rdev), Size: st.Size, Ino: uint64(s.fd) + 1}, 0
	}
	return vfs.Stat{Mode: mode, Nlink: 1, Blksize: 4096, Ino: uint64(s.readiness()) + 1}, 0
}

// openStdio makes the description of a standard descriptor from a host file; nil is /dev/null.
func openStdio(k *Kernel, f *os.File, fd int) (*openFile, error) {
	if f == nil {
		flag := uint32(vfs.O_RDONLY)
		if fd > 0 {
			flag = vfs.O_WRONLY
		}
		file, err := k.cfg.FS.Open("/dev/null", int(flag), 0)
		if err != nil {
			return nil, err
		}
		return newOpenFile(&disk{file: file, path: "/dev/null"}, flag), nil
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var dup int
	var dupErr error
	if err := conn.Control(func(host uintptr) { dup, dupErr = dupHost(int(host)) }); err != nil {
		return nil, err
	}
	if dupErr != nil {
		return nil, dupErr
	}
	if file, flag, ok := vfs.Opened(dup); ok {
		return newOpenFile(&disk{file: file}, uint32(flag)), nil
	}
	return newOpenFile(&stream{fd: dup, kind: streamTTY}, vfs.O_RDWR), nil
}

// transfer runs op on a stream until it neither fails with EAGAIN nor EINTR, waiting for events before a
// try and after each EAGAIN unless the guest asked for O_NONBLOCK or flag nowait is set.
func (p *Process) transfer(f *openFile, s *stream, events int16, nowait bool, op func() (int, error)) (int32, abi.Errno) {
	wait := !nowait && !f.nonblock()
	for first := true; ; first = false {
		if wait && (s.kind == streamTTY || !first) {
			if e := p.waitStream(s, events); e != 0 {
				return 0, e
			}
		}
		n, err := op()
		switch err {
		case nil:
			return int32(n), 0
		case unix.EINTR:
		case unix.EAGAIN:
			if !wait {
				return 0, abi.EAGAIN
			}
		default:
			return 0, errnoOf(err)
		}
	}
}
