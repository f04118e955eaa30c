package kernel

// mmap and munmap, of shared memory.

import (
	"unsafe"

	"nself.org/embeddedpg/internal/abi"
)

// mmap2 serves shared mappings; private anonymous memory never leaves the guest's libc.
func (p *Process) mmap2(a *[6]int32) (int32, abi.Errno) {
	size, flags := uint32(a[1]), a[3]
	if flags&abi.MAP_SHARED == 0 {
		return 0, abi.ENODEV
	}
	if flags&abi.MAP_ANONYMOUS != 0 {
		memory, err := newShared("anonymous", size)
		if err != nil {
			return 0, errnoOf(err)
		}
		defer memory.close()
		addr, e := p.mapShared(0, size, memory.mapAt, nil)
		return int32(addr), e
	}
	f := p.file(a[4])
	if f == nil {
		return 0, abi.EBADF
	}
	d, ok := f.object.(*disk)
	if !ok || d.file.Fd() < 0 {
		return 0, abi.ENODEV
	}
	// A mapping that reaches beyond the end of its file kills with SIGBUS whoever touches the rest.
	off := int64(uint32(a[5])) * abi.PageSize
	st, err := d.file.Stat()
	if err != nil {
		return 0, errnoOf(err)
	}
	if off+int64(size) > st.Size {
		return 0, abi.ENXIO
	}
	addr, e := p.mapShared(0, size, func(at unsafe.Pointer, n uintptr) error { return hostMap(at, n, d.file.Fd(), off) }, nil)
	return int32(addr), e
}

func (p *Process) munmap(a *[6]int32) (int32, abi.Errno) {
	for _, m := range p.maps {
		if m.addr == uint32(a[0]) && m.seg == nil {
			p.unmap(m.addr)
			return 0, 0
		}
	}
	return 0, abi.EINVAL
}
