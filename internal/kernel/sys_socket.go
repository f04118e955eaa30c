package kernel

// Calls that make, name and connect sockets.

import (
	"net/netip"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

const (
	sockTypeMask = 0xf
)

func hostDomain(family int32) int {
	switch family {
	case abi.AF_UNIX:
		return unix.AF_UNIX
	case abi.AF_INET:
		return unix.AF_INET
	case abi.AF_INET6:
		return unix.AF_INET6
	}
	return -1
}

func (p *Process) socket(a *[6]int32) (int32, abi.Errno) {
	domain := hostDomain(a[0])
	typ := a[1] & sockTypeMask
	if domain < 0 {
		return 0, abi.EAFNOSUPPORT
	}
	if typ != abi.SOCK_STREAM && (typ != abi.SOCK_DGRAM || a[0] == abi.AF_UNIX) {
		return 0, abi.EINVAL
	}
	fd, err := newSocket(domain, int(typ), 0)
	if err != nil {
		return 0, errnoOf(err)
	}
	flags := uint32(vfs.O_RDWR) | uint32(a[1])&abi.SOCK_NONBLOCK
	f := newOpenFile(&stream{fd: fd, domain: a[0], typ: typ}, flags)
	return p.install(f, uint32(a[1])&abi.SOCK_CLOEXEC != 0, 0)
}

// socketpair(domain, type, protocol, out[2])
func (p *Process) socketpair(a *[6]int32) (int32, abi.Errno) {
	if a[0] != abi.AF_UNIX || a[1]&sockTypeMask != abi.SOCK_STREAM {
		return 0, abi.EOPNOTSUPP
	}
	out, ok := p.mem.bytes(uint32(a[3]), 8)
	if !ok {
		return 0, abi.EFAULT
	}
	l, r, err := newSocketpair()
	if err != nil {
		return 0, errnoOf(err)
	}
	flags := uint32(vfs.O_RDWR) | uint32(a[1])&abi.SOCK_NONBLOCK
	cloexec := uint32(a[1])&abi.SOCK_CLOEXEC != 0
	return 0, p.installPair(out, cloexec,
		newOpenFile(&stream{fd: l, domain: abi.AF_UNIX, typ: abi.SOCK_STREAM}, flags),
		newOpenFile(&stream{fd: r, domain: abi.AF_UNIX, typ: abi.SOCK_STREAM}, flags))
}

func (p *Process) sock(fd int32) (*openFile, *stream, abi.Errno) {
	f := p.file(fd)
	if f == nil {
		return nil, nil, abi.EBADF
	}
	s, ok := f.object.(*stream)
	if !ok || s.kind != streamSocket {
		return nil, nil, abi.ENOTSOCK
	}
	return f, s, 0
}

// sockAddress returns the socket a[0], and the address at a[1] of a[2] bytes; other is the error of one of another family.
func (p *Process) sockAddress(a *[6]int32, other abi.Errno) (*openFile, *stream, address, abi.Errno) {
	f, s, e := p.sock(a[0])
	if e != 0 {
		return nil, nil, address{}, e
	}
	addr, e := p.address(a[1], a[2])
	if e == 0 && addr.family != s.domain {
		e = other
	}
	return f, s, addr, e
}

// bind names a Unix socket in the guest's tree, or gives a datagram socket a port. Stream sockets of the
// network are bound by the host program, never by a guest: it may name those that are bound for it (Config.Bound).
func (p *Process) bind(a *[6]int32) (int32, abi.Errno) {
	_, s, addr, e := p.sockAddress(a, abi.EINVAL)
	if e != 0 {
		return 0, e
	}
	switch {
	case s.domain == abi.AF_UNIX:
		// The name is a plain file, so that chmod, stat and unlink of it work as for a socket.
		file, err := p.k.cfg.FS.Open(addr.path, vfs.O_CREAT|vfs.O_EXCL|vfs.O_RDWR, 0o777&^p.umask)
		if err != nil {
			if e := errnoOf(err); e != abi.EEXIST {
				return 0, e
			}
			return 0, abi.EADDRINUSE
		}
		file.Close()
		s.path = addr.path
		return 0, 0
	case s.typ == abi.SOCK_DGRAM:
		return zero(unix.Bind(s.fd, hostSockaddr(addr.ip, s.domain)))
	case p.k.cfg.Bound != nil && p.k.cfg.Bound(addr.ip):
		s.path = addr.ip.String()
		return 0, 0
	}
	return 0, abi.EACCES
}

// reaches tells whether guests may reach an address. One of IPv4 is the same in the form of IPv6.
func (k *Kernel) reaches(to netip.AddrPort) bool {
	return k.cfg.Outgoing == nil || k.cfg.Outgoing(to.Addr().Unmap())
}

// connect reaches a listening process of this kernel, a Unix socket of the host where Config.HostPath names
// one, or a network address.
func (p *Process) connect(a *[6]int32) (int32, abi.Errno) {
	f, s, addr, e := p.sockAddress(a, abi.EAFNOSUPPORT)
	if e != 0 {
		return 0, e
	}
	var sa unix.Sockaddr
	if s.domain == abi.AF_UNIX {
		if done, e := p.connectInside(s, addr.path); done {
			return 0, e
		}
		host := ""
		if p.k.cfg.HostPath != nil {
			host = p.k.cfg.HostPath(addr.path)
		}
		if host == "" {
			if _, err := p.k.cfg.FS.Stat(addr.path, true); err != nil {
				return 0, errnoOf(err)
			}
			return 0, abi.ECONNREFUSED
		}
		sa = &unix.SockaddrUnix{Name: host}
	} else {
		if !p.k.reaches(addr.ip) {
			return 0, abi.EACCES
		}
		sa = hostSockaddr(addr.ip, s.domain)
	}
	for {
		err := unix.Connect(s.fd, sa)
		switch {
		case err == nil:
			p.showFastPath(int(a[0]))
			return 0, 0
		case err == unix.EINTR:
		case err != unix.EINPROGRESS || f.nonblock():
			return 0, errnoOf(err)
		default:
			if _, e := p.waitReady(s.fd, unix.POLLOUT); e != 0 {
				return 0, e
			}
			n, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
			if err != nil {
				return 0, errnoOf(err)
			}
			if n != 0 {
				return 0, errnoOf(unix.Errno(n))
			}
			return 0, 0
		}
	}
}

// connectInside makes s one end of a socket pair whose other end the listener at path accepts. done is false if
// no process listens there.
func (p *Process) connectInside(s *stream, path string) (done bool, e abi.Errno) {
	k := p.k
	k.mu.Lock()
	l := k.mu.listeners[path]
	k.mu.Unlock()
	if l == nil {
		return false, 0
	}
	ours, theirs, err := newSocketpair()
	if err != nil {
		return true, errnoOf(err)
	}
	if err := k.Push(path, Conn{FD: theirs}); err != nil {
		closeHost(ours)
		return true, abi.ECONNREFUSED
	}
	// The guest's descriptor stays; its host descriptor becomes our end of the pair.
	err = dupOver(ours, s.fd)
	closeHost(ours)
	if err != nil {
		return true, errnoOf(err)
	}
	return true, 0
}

func (p *Process) getsockname(a *[6]int32) (int32, abi.Errno) {
	f := p.file(a[0])
	if f == nil {
		return 0, abi.EBADF
	}
	switch o := f.object.(type) {
	case *listener:
		if ip, err := netip.ParseAddrPort(o.path); err == nil {
			return 0, p.putAddress(a[1], a[2], ipAddress(ip))
		}
		return 0, p.putAddress(a[1], a[2], address{family: abi.AF_UNIX, path: o.path})
	case *stream:
		if o.kind != streamSocket {
			break
		}
		if o.pushed && o.peer == inProcess {
			return 0, p.putAddress(a[1], a[2], ipAddress(inProcess))
		}
		if o.domain == abi.AF_UNIX {
			return 0, p.putAddress(a[1], a[2], address{family: abi.AF_UNIX, path: o.path})
		}
		sa, err := unix.Getsockname(o.fd)
		if err != nil {
			return 0, errnoOf(err)
		}
		return 0, p.putAddress(a[1], a[2], pushedFamily(o, addressOf(sa)))
	}
	return 0, abi.ENOTSOCK
}

// pushedFamily shows an IPv4 connection accepted by an IPv6 socket of the host as what it is.
func pushedFamily(s *stream, a address) address {
	if s.pushed && a.family == abi.AF_INET6 && s.domain == abi.AF_INET {
		return ipAddress(a.ip)
	}
	return a
}

func (p *Process) getpeername(a *[6]int32) (int32, abi.Errno) {
	_, s, e := p.sock(a[0])
	if e != 0 {
		return 0, e
	}
	if s.pushed {
		return 0, p.putAddress(a[1], a[2], ipAddress(s.peer))
	}
	sa, err := unix.Getpeername(s.fd)
	if err != nil {
		return 0, errnoOf(err)
	}
	return 0, p.putAddress(a[1], a[2], addressOf(sa))
}

func (p *Process) shutdown(a *[6]int32) (int32, abi.Errno) {
	_, s, e := p.sock(a[0])
	if e != 0 {
		return 0, e
	}
	if s.ring != nil {
		return zero(s.ring.Shutdown(int(a[1])))
	}
	return zero(unix.Shutdown(s.fd, int(a[1])))
}
