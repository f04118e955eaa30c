package kernel

// Transfers on sockets and other streams. No lock is held in any of them: a wait may be long.

import (
	"io"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
)

func (p *Process) streamRead(f *openFile, s *stream, b []byte, nowait bool) (int32, abi.Errno) {
	switch {
	case nowait && s.kind == streamTTY: // its host descriptor may block
		return 0, abi.EAGAIN
	case s.ring != nil:
		flags := int32(0)
		if nowait {
			flags = abi.MSG_DONTWAIT
		}
		n, _, e := p.receive(f, s, b, flags)
		return n, e
	}
	return p.transfer(f, s, unix.POLLIN, nowait, func() (int, error) { return unix.Read(s.fd, b) })
}

func (p *Process) streamWrite(f *openFile, s *stream, b []byte) (int32, abi.Errno) {
	if s.kind == streamSocket {
		return p.send(f, s, b, 0, nil)
	}
	return p.writeAll(f, s, b, false, func(b []byte) (int, error) { return unix.Write(s.fd, b) })
}

// writeAll writes all of b, as a write that may block does. With nowait, or if the guest has set O_NONBLOCK, it writes what
// there is room for. A signal ends it with what is written by then.
func (p *Process) writeAll(f *openFile, s *stream, b []byte, nowait bool, op func([]byte) (int, error)) (int32, abi.Errno) {
	done := 0
	for {
		n, e := p.transfer(f, s, unix.POLLOUT, nowait, func() (int, error) { return op(b[done:]) })
		done += int(n)
		switch {
		case e != 0 && done > 0:
			return int32(done), 0
		case e != 0 || done == len(b) || nowait || f.nonblock():
			return int32(done), e
		}
	}
}

// send never raises SIGPIPE: the host program would get it. The guest sees EPIPE.
func (p *Process) send(f *openFile, s *stream, b []byte, flags int32, to unix.Sockaddr) (int32, abi.Errno) {
	return p.writeAll(f, s, b, flags&abi.MSG_DONTWAIT != 0, func(b []byte) (int, error) {
		if s.ring != nil {
			return s.ring.Write(b)
		}
		return unix.SendmsgN(s.fd, b, nil, to, hostNosignal)
	})
}

// sendto(fd, buf, len, flags, addr, addrlen)
func (p *Process) sendto(a *[6]int32) (int32, abi.Errno) {
	f, s, e := p.sock(a[0])
	if e != 0 {
		return 0, e
	}
	b, ok := p.mem.bytes(uint32(a[1]), uint32(a[2]))
	if !ok {
		return 0, abi.EFAULT
	}
	if a[3]&^(abi.MSG_DONTWAIT|abi.MSG_NOSIGNAL) != 0 {
		return 0, abi.EOPNOTSUPP
	}
	var to unix.Sockaddr
	if a[4] != 0 && s.typ == abi.SOCK_DGRAM {
		addr, e := p.address(a[4], a[5])
		if e != 0 {
			return 0, e
		}
		if addr.family != s.domain {
			return 0, abi.EAFNOSUPPORT
		}
		if !p.k.reaches(addr.ip) {
			return 0, abi.EACCES
		}
		to = hostSockaddr(addr.ip, s.domain)
	}
	return p.send(f, s, b, a[3], to)
}

// recvfrom(fd, buf, len, flags, addr, *addrlen)
func (p *Process) recvfrom(a *[6]int32) (int32, abi.Errno) {
	f, s, e := p.sock(a[0])
	if e != 0 {
		return 0, e
	}
	b, ok := p.mem.bytes(uint32(a[1]), uint32(a[2]))
	if !ok {
		return 0, abi.EFAULT
	}
	n, from, e := p.receive(f, s, b, a[3])
	if e == 0 && a[4] != 0 && from != nil {
		e = p.putAddress(a[4], a[5], addressOf(from))
	}
	return n, e
}

func (p *Process) receive(f *openFile, s *stream, b []byte, flags int32) (int32, unix.Sockaddr, abi.Errno) {
	host := 0
	if flags&abi.MSG_PEEK != 0 {
		host |= unix.MSG_PEEK
	}
	if flags&^(abi.MSG_PEEK|abi.MSG_TRUNC|abi.MSG_DONTWAIT|abi.MSG_NOSIGNAL) != 0 {
		return 0, nil, abi.EOPNOTSUPP
	}
	var from unix.Sockaddr
	n, e := p.transfer(f, s, unix.POLLIN, flags&abi.MSG_DONTWAIT != 0, func() (n int, err error) {
		if s.ring != nil {
			if n, err = s.ring.Read(b, flags&abi.MSG_PEEK != 0); err == io.EOF {
				err = nil
			}
			return n, err
		}
		n, from, err = unix.Recvfrom(s.fd, b, host)
		return n, err
	})
	return n, from, e
}

// recvmsg serves musl's resolver: data and sender, no control messages.
func (p *Process) recvmsg(a *[6]int32) (int32, abi.Errno) {
	f, s, e := p.sock(a[0])
	if e != 0 {
		return 0, e
	}
	m, ok := p.mem.bytes(uint32(a[1]), abi.SizeofMsghdr)
	if !ok {
		return 0, abi.EFAULT
	}
	bufs, e := p.mem.iovecs(u32(m, abi.OffMsghdrIov), i32(m, abi.OffMsghdrIovlen))
	if e != 0 {
		return 0, e
	}
	if len(bufs) != 1 {
		return 0, abi.EOPNOTSUPP
	}
	n, from, e := p.receive(f, s, bufs[0], a[2])
	if e != 0 {
		return 0, e
	}
	put32(m, abi.OffMsghdrControllen, 0)
	put32(m, abi.OffMsghdrFlags, 0)
	if name := i32(m, abi.OffMsghdrName); name != 0 && from != nil {
		if e := p.putAddress(name, a[1]+abi.OffMsghdrNamelen, addressOf(from)); e != 0 {
			return 0, e
		}
	}
	return n, 0
}

// sendmsg serves musl's resolver as recvmsg does.
func (p *Process) sendmsg(a *[6]int32) (int32, abi.Errno) {
	f, s, e := p.sock(a[0])
	if e != 0 {
		return 0, e
	}
	m, ok := p.mem.bytes(uint32(a[1]), abi.SizeofMsghdr)
	if !ok {
		return 0, abi.EFAULT
	}
	bufs, e := p.mem.iovecs(u32(m, abi.OffMsghdrIov), i32(m, abi.OffMsghdrIovlen))
	if e != 0 {
		return 0, e
	}
	if i32(m, abi.OffMsghdrName) != 0 {
		return 0, abi.EOPNOTSUPP
	}
	return vectored(bufs, func(b []byte, _ int) (int32, abi.Errno) { return p.send(f, s, b, a[2], nil) })
}
