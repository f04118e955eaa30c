package kernel

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"
)

// address is a socket address of the guest: a Unix path, or an IP address and port.
type address struct {
	family int32
	path   string
	ip     netip.AddrPort
}

func (p *Process) address(addr, size int32) (address, int32) {
	b, ok := p.mem.bytes(uint32(addr), uint32(size))
	if !ok {
		return address{}, EFAULT
	}
	if len(b) < 2 {
		return address{}, EINVAL
	}
	a := address{family: int32(binary.LittleEndian.Uint16(b))}
	switch {
	case a.family == afUnix:
		name, _, _ := strings.Cut(string(b[offSockaddrUnPath:]), "\x00")
		path, e := p.resolve(atFdcwd, name)
		if e != 0 {
			return a, e
		}
		a.path = path
	case a.family == afInet && len(b) >= sizeofSockaddrIn:
		ip := netip.AddrFrom4([4]byte(b[offSockaddrInAddr:]))
		a.ip = netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[offSockaddrInPort:]))
	case a.family == afInet6 && len(b) >= sizeofSockaddrIn6:
		ip := netip.AddrFrom16([16]byte(b[offSockaddrIn6Addr:]))
		if zone := u32(b, offSockaddrIn6ScopeId); zone != 0 {
			ip = ip.WithZone(zoneName(zone))
		}
		a.ip = netip.AddrPortFrom(ip, binary.BigEndian.Uint16(b[offSockaddrIn6Port:]))
	default:
		return a, EAFNOSUPPORT
	}
	return a, 0
}

// putAddress writes a to a guest's sockaddr of *lenp bytes, cut off if it does not fit, and its true length to
// *lenp. A zero pointer asks for nothing.
func (p *Process) putAddress(addr, lenp int32, a address) int32 {
	if addr == 0 || lenp == 0 {
		return 0
	}
	l, ok := p.mem.bytes(uint32(lenp), 4)
	if !ok {
		return EFAULT
	}
	out, ok := p.mem.bytes(uint32(addr), u32(l, 0))
	if !ok {
		return EFAULT
	}
	var b []byte
	switch a.family {
	case afInet:
		b = make([]byte, sizeofSockaddrIn)
		binary.BigEndian.PutUint16(b[offSockaddrInPort:], a.ip.Port())
		ip := a.ip.Addr().As4()
		copy(b[offSockaddrInAddr:], ip[:])
	case afInet6:
		b = make([]byte, sizeofSockaddrIn6)
		binary.BigEndian.PutUint16(b[offSockaddrIn6Port:], a.ip.Port())
		ip := a.ip.Addr().As16()
		copy(b[offSockaddrIn6Addr:], ip[:])
	default:
		b = make([]byte, offSockaddrUnPath, sizeofSockaddrUn)
		if a.path != "" {
			b = append(append(b, a.path...), 0)
		}
	}
	binary.LittleEndian.PutUint16(b, uint16(a.family))
	copy(out, b)
	put32(l, 0, int32(len(b)))
	return 0
}

// ipAddress makes an address of what the host reports; family tells how the guest sees an IPv4 one.
func ipAddress(ap netip.AddrPort) address {
	if !ap.IsValid() {
		return address{family: afUnix}
	}
	ap = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	if ap.Addr().Is4() {
		return address{family: afInet, ip: ap}
	}
	return address{family: afInet6, ip: ap}
}

func hostSockaddr(ap netip.AddrPort, domain int32) unix.Sockaddr {
	if domain == afInet {
		return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(ap.Port()), Addr: ap.Addr().As16(), ZoneId: zoneID(ap.Addr().Zone())}
}

func addressOf(sa unix.Sockaddr) address {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return address{family: afInet, ip: netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))}
	case *unix.SockaddrInet6:
		return address{family: afInet6, ip: netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))}
	}
	return address{family: afUnix}
}
