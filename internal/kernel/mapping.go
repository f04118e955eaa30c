package kernel

import (
	"os"
	"unsafe"
)

// The arena is the part of every guest memory that shared mappings go to: between the stack and the static
// data, as wasm/ links the modules (--stack-first, --global-base). It bounds the shared memory of a server.
const (
	arenaLow  = 0x0080_0000
	arenaHigh = 0x6000_0000
)

// arenaAlign is the alignment of an address the kernel chooses: at least the page size of every host.
const arenaAlign = 64 << 10

// mapping is a range of a guest's arena that stands for other memory.
type mapping struct {
	addr, size uint32
	seg        *segment // the SysV segment attached here, or nil
}

// pageRound rounds n up to the host's page size.
func pageRound(n uint32) uint32 {
	mask := uint32(os.Getpagesize() - 1)
	return (n + mask) &^ mask
}

// place returns the lowest free address of the arena for size bytes, or 0.
func (p *Process) place(size uint32) uint32 {
	addr := uint32(arenaLow)
search:
	for uint64(addr)+uint64(size) <= arenaHigh {
		for _, m := range p.maps {
			if addr < m.addr+m.size && m.addr < addr+size {
				addr = (m.addr + m.size + arenaAlign - 1) &^ (arenaAlign - 1)
				continue search
			}
		}
		return addr
	}
	return 0
}

func (p *Process) free(addr, size uint32) bool {
	if addr < arenaLow || uint64(addr)+uint64(size) > arenaHigh || addr%uint32(os.Getpagesize()) != 0 {
		return false
	}
	for _, m := range p.maps {
		if addr < m.addr+m.size && m.addr < addr+size {
			return false
		}
	}
	return true
}

// mapShared maps size bytes of the host file fd, from off, at addr (0: a place is chosen) of p's memory.
// It returns the guest address.
func (p *Process) mapShared(addr, size uint32, fd int, off int64, seg *segment) (uint32, int32) {
	if size == 0 {
		return 0, EINVAL
	}
	if size > arenaHigh-arenaLow {
		return 0, ENOMEM
	}
	size = pageRound(size)
	if addr == 0 {
		if addr = p.place(size); addr == 0 {
			return 0, ENOMEM
		}
	} else if !p.free(addr, size) {
		return 0, EINVAL
	}
	if err := hostMap(unsafe.Add(p.mem.base, addr), uintptr(size), fd, off); err != nil {
		return 0, errnoOf(err)
	}
	p.maps = append(p.maps, mapping{addr, size, seg})
	return addr, 0
}

// unmap puts private zero memory in the place of the mapping at addr, and returns what was mapped.
func (p *Process) unmap(addr uint32) (mapping, bool) {
	for i, m := range p.maps {
		if m.addr == addr {
			p.maps = append(p.maps[:i], p.maps[i+1:]...)
			if err := hostMapZero(unsafe.Add(p.mem.base, m.addr), uintptr(m.size)); err != nil {
				p.k.cfg.Log.Error("unmap", "pid", p.pid, "error", err)
			}
			return m, true
		}
	}
	return mapping{}, false
}

// dropMappingsLocked forgets the mappings of a process whose memory is gone.
func (p *Process) dropMappingsLocked() {
	for _, m := range p.maps {
		if m.seg != nil {
			p.k.mu.shm.detach(m.seg)
		}
	}
	p.maps = nil
}

// mmap2 serves shared mappings; private anonymous memory never leaves the guest's libc.
func (p *Process) mmap2(a *[6]int32) int32 {
	const mapShared, mapAnonymous = 0x01, 0x20
	size, flags := uint32(a[1]), a[3]
	if flags&mapShared == 0 {
		return -ENODEV
	}
	if flags&mapAnonymous != 0 {
		fd, err := newShared("anonymous", int64(size))
		if err != nil {
			return -errnoOf(err)
		}
		defer closeHost(fd)
		addr, e := p.mapShared(0, size, fd, 0, nil)
		return result(addr, e)
	}
	f := p.file(a[4])
	if f == nil {
		return -EBADF
	}
	d, ok := f.object.(*disk)
	if !ok || d.file.Fd() < 0 {
		return -ENODEV
	}
	// A mapping that reaches beyond the end of its file kills with SIGBUS whoever touches the rest.
	off := int64(uint32(a[5])) * 4096
	st, err := d.file.Stat()
	if err != nil {
		return -errnoOf(err)
	}
	if off+int64(size) > st.Size {
		return -ENXIO
	}
	addr, e := p.mapShared(0, size, d.file.Fd(), off, nil)
	return result(addr, e)
}

func (p *Process) munmap(a *[6]int32) int32 {
	for _, m := range p.maps {
		if m.addr == uint32(a[0]) && m.seg == nil {
			p.unmap(m.addr)
			return 0
		}
	}
	return -EINVAL
}

func result(addr uint32, e int32) int32 {
	if e != 0 {
		return -e
	}
	return int32(addr)
}
