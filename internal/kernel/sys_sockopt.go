package kernel

import (
	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/ring"
)

// Levels and options of sockets that are served, from Linux's <asm-generic/socket.h> and <linux/tcp.h>.
const (
	solSocket = 1
	solTCP    = 6

	soReuseaddr = 2
	soType      = 3
	soError     = 4
	soSndbuf    = 7
	soRcvbuf    = 8
	soKeepalive = 9

	tcpNodelay     = 1
	tcpKeepidle    = 4
	tcpKeepintvl   = 5
	tcpKeepcnt     = 6
	tcpUserTimeout = 18
)

// hostOption returns the host's names of an option; ok is false for one that is not served.
func hostOption(level, opt int32) (hostLevel, hostOpt int, ok bool) {
	switch {
	case level == solSocket:
		for guest, host := range map[int32]int{
			soReuseaddr: unix.SO_REUSEADDR, soType: unix.SO_TYPE, soError: unix.SO_ERROR,
			soSndbuf: unix.SO_SNDBUF, soRcvbuf: unix.SO_RCVBUF, soKeepalive: unix.SO_KEEPALIVE,
		} {
			if guest == opt {
				return unix.SOL_SOCKET, host, true
			}
		}
	case level == solTCP:
		host, ok := tcpOptions[opt]
		return unix.IPPROTO_TCP, host, ok
	}
	return 0, 0, false
}

// notOverTCP tells that an option of TCP is asked of a connection that was pushed in as one from a network but
// is a pipe in memory: nothing is ever delayed or lost on it, so each option holds already.
func notOverTCP(s *stream, level int32) bool {
	return level == solTCP && s.pushed && s.peer == inProcess
}

// ringOptions are the values of SOL_SOCKET's options for a ring; SO_ERROR and others are 0.
var ringOptions = map[int32]int{soType: sockStream, soSndbuf: ring.Size, soRcvbuf: ring.Size}

func (p *Process) setsockopt(a *[6]int32) int32 {
	_, s, e := p.sock(a[0])
	if e != 0 {
		return -e
	}
	b, ok := p.mem.bytes(uint32(a[3]), uint32(a[4]))
	if !ok {
		return -EFAULT
	}
	if len(b) < 4 {
		return -EINVAL
	}
	level, opt, ok := hostOption(a[1], a[2])
	if !ok {
		return -ENOPROTOOPT
	}
	if notOverTCP(s, a[1]) {
		return 0
	}
	if s.ring != nil {
		return 0 // a buffer's size is a hint, and nothing is to be kept alive
	}
	return zero(unix.SetsockoptInt(s.fd, level, opt, int(i32(b, 0))))
}

func (p *Process) getsockopt(a *[6]int32) int32 {
	_, s, e := p.sock(a[0])
	if e != 0 {
		return -e
	}
	l, ok := p.mem.bytes(uint32(a[4]), 4)
	if !ok {
		return -EFAULT
	}
	b, ok := p.mem.bytes(uint32(a[3]), u32(l, 0))
	if !ok {
		return -EFAULT
	}
	if len(b) < 4 {
		return -EINVAL
	}
	level, opt, ok := hostOption(a[1], a[2])
	if !ok {
		return -ENOPROTOOPT
	}
	v := 0
	switch {
	case notOverTCP(s, a[1]):
	case s.ring != nil:
		v = ringOptions[a[2]]
	default:
		var err error
		if v, err = unix.GetsockoptInt(s.fd, level, opt); err != nil {
			return -errnoOf(err)
		}
		if a[1] == solSocket && a[2] == soError && v != 0 {
			v = int(errnoOf(unix.Errno(v)))
		}
	}
	put32(b, 0, int32(v))
	put32(l, 0, 4)
	return 0
}
