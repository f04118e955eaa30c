package kernel

// Socket addresses between guest memory, package netip and the host. No state, no lock.

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
)

// address is a socket address of the guest: a Unix path, or an IP address and port.
type address struct {
	family int32
	path   string
	ip     netip.AddrPort
}

func (p *Process) address(addr, size int32) (address, abi.Errno) {
	b, ok := p.mem.bytes(uint32(addr), uint32(size))
	if !ok {
		return address{}, abi.EFAULT
	}
	if len(b) < 2 {
		return address{}, abi.EINVAL
	}
	a := address{family: int32(u16(b, abi.OffSockaddrUnFamily))}
	switch {
	case a.family == abi.AF_UNIX:
		name, _, _ := strings.Cut(string(b[abi.OffSockaddrUnPath:]), "\x00")
		path, e := p.resolve(abi.AT_FDCWD, name)
		if e != 0 {
			return a, e
		}
		a.path = path
	case a.family == abi.AF_INET && len(b) >= abi.SizeofSockaddrIn:
		ip := netip.AddrFrom4([4]byte(b[abi.OffSockaddrInAddr:]))
		a.ip = netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[abi.OffSockaddrInPort:]))
	case a.family == abi.AF_INET6 && len(b) >= abi.SizeofSockaddrIn6:
		ip := netip.AddrFrom16([16]byte(b[abi.OffSockaddrIn6Addr:]))
		if zone := u32(b, abi.OffSockaddrIn6ScopeId); zone != 0 {
			ip = ip.WithZone(zoneName(zone))
		}
		a.ip = netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[abi.OffSockaddrIn6Port:]))
	default:
		return a, abi.EAFNOSUPPORT
	}
	return a, 0
}

// putAddress writes a to a guest's sockaddr of *lenp bytes, cut off if it does not fit, and its true length to
// *lenp. A zero pointer asks for nothing.
func (p *Process) putAddress(addr, lenp int32, a address) abi.Errno {
	if addr == 0 || lenp == 0 {
		return 0
	}
	l, ok := p.mem.bytes(uint32(lenp), 4)
	if !ok {
		return abi.EFAULT
	}
	out, ok := p.mem.bytes(uint32(addr), u32(l, 0))
	if !ok {
		return abi.EFAULT
	}
	var b []byte
	switch a.family {
	case abi.AF_INET:
		b = make([]byte, abi.SizeofSockaddrIn)
		binary.BigEndian.PutUint16(b[abi.OffSockaddrInPort:], a.ip.Port())
		ip := a.ip.Addr().As4()
		copy(b[abi.OffSockaddrInAddr:], ip[:])
	case abi.AF_INET6:
		b = make([]byte, abi.SizeofSockaddrIn6)
		binary.BigEndian.PutUint16(b[abi.OffSockaddrIn6Port:], a.ip.Port())
		ip := a.ip.Addr().As16()
		copy(b[abi.OffSockaddrIn6Addr:], ip[:])
	default:
		b = make([]byte, abi.OffSockaddrUnPath, abi.SizeofSockaddrUn)
		if a.path != "" {
			b = append(append(b, a.path...), 0)
		}
	}
	put16(b, abi.OffSockaddrUnFamily, uint16(a.family))
	copy(out, b)
	put32(l, 0, int32(len(b)))
	return 0
}

// ipAddress makes an address of what the host reports; family tells how the guest sees an IPv4 one.
func ipAddress(ap netip.AddrPort) address {
	if !ap.IsValid() {
		return address{family: abi.AF_UNIX}
	}
	ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	if ap.Addr().Is4() {
		return address{family: abi.AF_INET, ip: ap}
	}
	return address{family: abi.AF_INET6, ip: ap}
}

func hostSockaddr(ap netip.AddrPort, domain int32) unix.Sockaddr {
	if domain == abi.AF_INET {
		return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(ap.Port()), Addr: ap.Addr().As16(), ZoneId: zoneID(ap.Addr().Zone())}
}

func addressOf(sa unix.Sockaddr) address {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return address{family: abi.AF_INET, ip: netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))}
	case *unix.SockaddrInet6:
		return address{family: abi.AF_INET6, ip: netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))}
	}
	return address{family: abi.AF_UNIX}
}
