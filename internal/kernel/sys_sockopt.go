package kernel

// Options of sockets.

import (
	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/ring"
)

// hostOption returns the host's names of an option; ok is false for one that is not served.
func hostOption(level, opt int32) (hostLevel, hostOpt int, ok bool) {
	switch {
	case level == abi.SOL_SOCKET:
		for guest, host := range map[int32]int{
			abi.SO_REUSEADDR: unix.SO_REUSEADDR, abi.SO_TYPE: unix.SO_TYPE, abi.SO_ERROR: unix.SO_ERROR,
			abi.SO_SNDBUF: unix.SO_SNDBUF, abi.SO_RCVBUF: unix.SO_RCVBUF, abi.SO_KEEPALIVE: unix.SO_KEEPALIVE,
		} {
			if guest == opt {
				return unix.SOL_SOCKET, host, true
			}
		}
	case level == abi.IPPROTO_TCP:
		host, ok := tcpOptions[opt]
		return unix.IPPROTO_TCP, host, ok
	}
	return 0, 0, false
}

// notOverTCP tells that an option of TCP is asked of a connection that was pushed in as one from a network but
// is a pipe in memory: nothing is ever delayed or lost on it, so each option holds already.
func notOverTCP(s *stream, level int32) bool {
	return level == abi.IPPROTO_TCP && s.pushed && s.peer == inProcess
}

// ringOptions are the values of SOL_SOCKET's options for a ring; SO_ERROR and others are 0.
var ringOptions = map[int32]int{abi.SO_TYPE: abi.SOCK_STREAM, abi.SO_SNDBUF: ring.Size, abi.SO_RCVBUF: ring.Size}

func (p *Process) setsockopt(a *[6]int32) (int32, abi.Errno) {
	_, s, e := p.sock(a[0])
	if e != 0 {
		return 0, e
	}
	b, ok := p.mem.bytes(uint32(a[3]), uint32(a[4]))
	if !ok {
		return 0, abi.EFAULT
	}
	if len(b) < 4 {
		return 0, abi.EINVAL
	}
	level, opt, ok := hostOption(a[1], a[2])
	if !ok {
		return 0, abi.ENOPROTOOPT
	}
	if notOverTCP(s, a[1]) {
		return 0, 0
	}
	if s.ring != nil {
		return 0, 0 // a buffer's size is a hint, and nothing is to be kept alive
	}
	return zero(unix.SetsockoptInt(s.fd, level, opt, int(i32(b, 0))))
}

func (p *Process) getsockopt(a *[6]int32) (int32, abi.Errno) {
	_, s, e := p.sock(a[0])
	if e != 0 {
		return 0, e
	}
	l, ok := p.mem.bytes(uint32(a[4]), 4)
	if !ok {
		return 0, abi.EFAULT
	}
	b, ok := p.mem.bytes(uint32(a[3]), u32(l, 0))
	if !ok {
		return 0, abi.EFAULT
	}
	if len(b) < 4 {
		return 0, abi.EINVAL
	}
	level, opt, ok := hostOption(a[1], a[2])
	if !ok {
		return 0, abi.ENOPROTOOPT
	}
	v := 0
	switch {
	case notOverTCP(s, a[1]):
	case s.ring != nil:
		v = ringOptions[a[2]]
	default:
		var err error
		if v, err = unix.GetsockoptInt(s.fd, level, opt); err != nil {
			return 0, errnoOf(err)
		}
		if a[1] == abi.SOL_SOCKET && a[2] == abi.SO_ERROR && v != 0 {
			v = int(errnoOf(unix.Errno(v)))
		}
	}
	put32(b, 0, int32(v))
	put32(l, 0, 4)
	return 0, 0
}
