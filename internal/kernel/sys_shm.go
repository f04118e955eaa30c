package kernel

// SysV shared memory. Segments are guarded by Kernel.mu; shmat counts itself in before it maps
// without the lock, so the segment is there as long as anybody maps it.

import "nself.org/embeddedpg/internal/abi"

// maxSegment is how many SysV segments there may be at once.
const maxSegment = 64

// segment is a SysV shared memory segment.
type segment struct {
	id      int32
	key     int32
	size    uint32
	memory  shared
	creator int
	attach  int
	removed bool // goes when the last attachment goes
}

// shmTable holds the segments of a kernel. Guarded by Kernel.mu.
type shmTable struct {
	segs [maxSegment]*segment
}

func (t *shmTable) get(id int32) *segment {
	if id < 0 || id >= maxSegment {
		return nil
	}
	return t.segs[id]
}

func (t *shmTable) free(s *segment) {
	s.memory.close()
	t.segs[s.id] = nil
}

func (t *shmTable) detach(s *segment) {
	if s.attach--; s.attach == 0 && s.removed {
		t.free(s)
	}
}

func (t *shmTable) freeAll() {
	for _, s := range t.segs {
		if s != nil {
			t.free(s)
		}
	}
}

func (p *Process) shmget(a *[6]int32) (int32, abi.Errno) {
	key, size, flag := a[0], uint32(a[1]), a[2]
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	t := &p.k.mu.shm
	slot := int32(-1)
	for i, s := range t.segs {
		switch {
		case s == nil:
			if slot < 0 {
				slot = int32(i)
			}
		case key != 0 && s.key == key && !s.removed:
			if flag&(abi.IPC_CREAT|abi.IPC_EXCL) == abi.IPC_CREAT|abi.IPC_EXCL {
				return 0, abi.EEXIST
			}
			if size > s.size {
				return 0, abi.EINVAL
			}
			return s.id, 0
		}
	}
	if key != 0 && flag&abi.IPC_CREAT == 0 {
		return 0, abi.ENOENT
	}
	if slot < 0 {
		return 0, abi.ENOSPC
	}
	if size == 0 {
		return 0, abi.EINVAL
	}
	if size > abi.ArenaHigh-abi.ArenaLow {
		return 0, abi.ENOMEM
	}
	memory, err := newShared("sysv", size)
	if err != nil {
		return 0, errnoOf(err)
	}
	t.segs[slot] = &segment{id: slot, key: key, size: size, memory: memory, creator: p.pid}
	return slot, 0
}

func (p *Process) shmctl(a *[6]int32) (int32, abi.Errno) {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	t := &p.k.mu.shm
	s := t.get(a[0])
	if s == nil {
		return 0, abi.EINVAL
	}
	// The module has the flag in the command or not, as musl's IPC_64 says (src/ipc/shmctl.c).
	switch a[1] &^ abi.IPC_TIME64 {
	case abi.IPC_RMID:
		s.removed = true
		if s.attach == 0 {
			t.free(s)
		}
		return 0, 0
	case abi.IPC_STAT &^ abi.IPC_TIME64:
		b, ok := p.mem.bytes(uint32(a[2]), abi.SizeofShmidDs)
		if !ok {
			return 0, abi.EFAULT
		}
		clear(b)
		uid := int32(p.k.cfg.UID)
		put32(b, abi.OffIpcPermKey, s.key)
		put32(b, abi.OffIpcPermUid, uid)
		put32(b, abi.OffIpcPermGid, uid)
		put32(b, abi.OffIpcPermCuid, uid)
		put32(b, abi.OffIpcPermCgid, uid)
		put32(b, abi.OffIpcPermMode, 0o600)
		putU32(b, abi.OffShmSegsz, s.size)
		put32(b, abi.OffShmCpid, int32(s.creator))
		put32(b, abi.OffShmNattch, int32(s.attach))
		return 0, 0
	}
	return 0, abi.EINVAL
}

func (p *Process) shmat(a *[6]int32) (int32, abi.Errno) {
	p.k.mu.Lock()
	s := p.k.mu.shm.get(a[0])
	if s == nil {
		p.k.mu.Unlock()
		return 0, abi.EINVAL
	}
	s.attach++ // keeps it while it is mapped below, without the lock
	p.k.mu.Unlock()

	addr, e := p.mapShared(uint32(a[1]), s.size, s.memory.mapAt, s)
	if e != 0 {
		p.k.mu.Lock()
		p.k.mu.shm.detach(s)
		p.k.mu.Unlock()
		return 0, e
	}
	return int32(addr), 0
}

func (p *Process) shmdt(a *[6]int32) (int32, abi.Errno) {
	for _, m := range p.maps {
		if m.addr == uint32(a[0]) && m.seg != nil {
			p.unmap(m.addr)
			p.k.mu.Lock()
			p.k.mu.shm.detach(m.seg)
			p.k.mu.Unlock()
			return 0, 0
		}
	}
	return 0, abi.EINVAL
}
