package kernel

// The arena of a guest's memory: which parts of it stand for shared memory. The list is the
// process's own, touched by its thread; what a mapping holds of a segment (its count) is
// Kernel.mu's. unmap leaves private zero memory, never a hole: a hole could be taken by another
// mapping of the program.

import (
	"os"
	"unsafe"

	"nself.org/embeddedpg/internal/abi"
)

// arenaAlign is the alignment of an address the kernel chooses: at least the page size of every host.
const arenaAlign = 64 << 10

// The arena, abi.ArenaLow to abi.ArenaHigh, is the part of every guest memory that shared mappings go to: between the
// stack and the static data. It bounds the shared memory of a server.

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
	addr := uint32(abi.ArenaLow)
search:
	for uint64(addr)+uint64(size) <= abi.ArenaHigh {
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
	if addr < abi.ArenaLow || uint64(addr)+uint64(size) > abi.ArenaHigh || addr%uint32(os.Getpagesize()) != 0 {
		return false
	}
	for _, m := range p.maps {
		if addr < m.addr+m.size && m.addr < addr+size {
			return false
		}
	}
	return true
}

// mapShared has mapAt map size bytes at addr (0: a place is chosen) of p's memory. It returns the guest address.
func (p *Process) mapShared(addr, size uint32, mapAt func(unsafe.Pointer, uintptr) error, seg *segment) (uint32, abi.Errno) {
	if size == 0 {
		return 0, abi.EINVAL
	}
	if size > abi.ArenaHigh-abi.ArenaLow {
		return 0, abi.ENOMEM
	}
	size = pageRound(size)
	if addr == 0 {
		if addr = p.place(size); addr == 0 {
			return 0, abi.ENOMEM
		}
	} else if !p.free(addr, size) {
		return 0, abi.EINVAL
	}
	if err := mapAt(unsafe.Add(p.mem.base, addr), uintptr(size)); err != nil {
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
