package kernel

import (
	"io"

	"golang.org/x/sys/unix"
)

// Flags of send and recv that are served, from Linux's <linux/socket.h>.
const (
	msgPeek     = 0x02
	msgTrunc    = 0x20
	msgDontwait = 0x40
	msgNosignal = 0x4000
)

func (p *Process) streamRead(f *openFile, s *stream, b []byte) int32 {
	if s.ring != nil {
		n, _ := p.receive(f, s, b, 0)
		return n
	}
	return p.transfer(f, s, unix.POLLIN, false, func() (int, error) { return unix.Read(s.fd, b) })
}

func (p *Process) streamWrite(f *openFile, s *stream, b []byte) int32 {
	if s.kind == streamSocket {
		return p.send(f, s, b, 0, nil)
	}
	return p.transfer(f, s, unix.POLLOUT, false, func() (int, error) { return unix.Write(s.fd, b) })
}

// send never raises SIGPIPE: the host program would get it. The guest sees EPIPE.
func (p *Process) send(f *openFile, s *stream, b []byte, flags int32, to unix.Sockaddr) int32 {
	return p.transfer(f, s, unix.POLLOUT, flags&msgDontwait != 0, func() (int, error) {
		if s.ring != nil {
			return s.ring.Write(b)
		}
		return unix.SendmsgN(s.fd, b, nil, to, hostNosignal)
	})
}

// sendto(fd, buf, len, flags, addr, addrlen)
func (p *Process) sendto(a *[6]int32) int32 {
	f, s, e := p.sock(a[0])
	if e != 0 {
		return -e
	}
	b, ok := p.mem.bytes(uint32(a[1]), uint32(a[2]))
	if !ok {
		return -EFAULT
	}
	if a[3]&^(msgDontwait|msgNosignal) != 0 {
		return -EOPNOTSUPP
	}
	var to unix.Sockaddr
	if a[4] != 0 && s.typ == sockDgram {
		addr, e := p.address(a[4], a[5])
		if e != 0 {
			return -e
		}
		if addr.family != s.domain {
			return -EAFNOSUPPORT
		}
		to = hostSockaddr(addr.ip, s.domain)
	}
	return p.send(f, s, b, a[3], to)
}

// recvfrom(fd, buf, len, flags, addr, *addrlen)
func (p *Process) recvfrom(a *[6]int32) int32 {
	f, s, e := p.sock(a[0])
	if e != 0 {
		return -e
	}
	b, ok := p.mem.bytes(uint32(a[1]), uint32(a[2]))
	if !ok {
		return -EFAULT
	}
	n, from := p.receive(f, s, b, a[3])
	if n >= 0 && a[4] != 0 && from != nil {
		if e := p.putAddress(a[4], a[5], addressOf(from)); e != 0 {
			return -e
		}
	}
	return n
}

func (p *Process) receive(f *openFile, s *stream, b []byte, flags int32) (int32, unix.Sockaddr) {
	host := 0
	if flags&msgPeek != 0 {
		host |= unix.MSG_PEEK
	}
	if flags&^(msgPeek|msgTrunc|msgDontwait|msgNosignal) != 0 {
		return -EOPNOTSUPP, nil
	}
	var from unix.Sockaddr
	n := p.transfer(f, s, unix.POLLIN, flags&msgDontwait != 0, func() (n int, err error) {
		if s.ring != nil {
			if n, err = s.ring.Read(b, flags&msgPeek != 0); err == io.EOF {
				err = nil
			}
			return n, err
		}
		n, from, err = unix.Recvfrom(s.fd, b, host)
		return n, err
	})
	return n, from
}

// recvmsg serves musl's resolver: data and sender, no control messages.
func (p *Process) recvmsg(a *[6]int32) int32 {
	f, s, e := p.sock(a[0])
	if e != 0 {
		return -e
	}
	m, ok := p.mem.bytes(uint32(a[1]), sizeofMsghdr)
	if !ok {
		return -EFAULT
	}
	bufs, e := p.mem.iovecs(u32(m, offMsghdrIov), i32(m, offMsghdrIovlen))
	if e != 0 {
		return -e
	}
	if len(bufs) != 1 {
		return -EOPNOTSUPP
	}
	n, from := p.receive(f, s, bufs[0], a[2])
	if n < 0 {
		return n
	}
	put32(m, offMsghdrControllen, 0)
	put32(m, offMsghdrFlags, 0)
	if name := i32(m, offMsghdrName); name != 0 && from != nil {
		if e := p.putAddress(name, a[1]+offMsghdrNamelen, addressOf(from)); e != 0 {
			return -e
		}
	}
	return n
}

// sendmsg serves musl's resolver as recvmsg does.
func (p *Process) sendmsg(a *[6]int32) int32 {
	f, s, e := p.sock(a[0])
	if e != 0 {
		return -e
	}
	m, ok := p.mem.bytes(uint32(a[1]), sizeofMsghdr)
	if !ok {
		return -EFAULT
	}
	bufs, e := p.mem.iovecs(u32(m, offMsghdrIov), i32(m, offMsghdrIovlen))
	if e != 0 {
		return -e
	}
	if i32(m, offMsghdrName) != 0 {
		return -EOPNOTSUPP
	}
	return vectored(bufs, func(b []byte, _ int) int32 { return p.send(f, s, b, a[2], nil) })
}
