package kernel

import "unsafe"

// shared is memory of the host that several processes map.
type shared struct {
	fd   int            // an anonymous file; -1: none
	base unsafe.Pointer // without a file a mapping, of which others are copies
	size uintptr
}

// mapAt maps size bytes over the memory at addr.
func (s shared) mapAt(addr unsafe.Pointer, size uintptr) error {
	if s.fd < 0 {
		return hostMapAgain(s.base, addr, size)
	}
	return hostMap(addr, size, s.fd, 0)
}

// close gives the memory up; what has been mapped stays.
func (s shared) close() {
	if s.fd < 0 {
		hostUnmap(s.base, s.size)
		return
	}
	closeHost(s.fd)
}
