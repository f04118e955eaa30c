package kernel

// Flags and commands of SysV shared memory, from Linux's <linux/ipc.h> and <linux/shm.h>.
const (
	ipcCreat   = 0o1000
	ipcExcl    = 0o2000
	ipcRmid    = 0
	ipcStat    = 2
	ipc64      = 0x100 // musl's IPC_TIME64 and IPC_64 flags ride on the command
	maxSegment = 64
)

// segment is a SysV shared memory segment: an anonymous file of the host.
type segment struct {
	id      int32
	key     int32
	size    uint32
	fd      int
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
	closeHost(s.fd)
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

func (p *Process) shmget(a *[6]int32) int32 {
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
			if flag&(ipcCreat|ipcExcl) == ipcCreat|ipcExcl {
				return -EEXIST
			}
			if size > s.size {
				return -EINVAL
			}
			return s.id
		}
	}
	if key != 0 && flag&ipcCreat == 0 {
		return -ENOENT
	}
	if slot < 0 {
		return -ENOSPC
	}
	if size == 0 {
		return -EINVAL
	}
	if size > arenaHigh-arenaLow {
		return -ENOMEM
	}
	fd, err := newShared("sysv", int64(size))
	if err != nil {
		return -errnoOf(err)
	}
	t.segs[slot] = &segment{id: slot, key: key, size: size, fd: fd, creator: p.pid}
	return slot
}

func (p *Process) shmctl(a *[6]int32) int32 {
	p.k.mu.Lock()
	defer p.k.mu.Unlock()
	t := &p.k.mu.shm
	s := t.get(a[0])
	if s == nil {
		return -EINVAL
	}
	switch a[1] &^ ipc64 {
	case ipcRmid:
		s.removed = true
		if s.attach == 0 {
			t.free(s)
		}
		return 0
	case ipcStat:
		b, ok := p.mem.bytes(uint32(a[2]), sizeofShmidDs)
		if !ok {
			return -EFAULT
		}
		clear(b)
		uid := int32(p.k.cfg.UID)
		put32(b, offIpcPermKey, s.key)
		put32(b, offIpcPermUid, uid)
		put32(b, offIpcPermGid, uid)
		put32(b, offIpcPermCuid, uid)
		put32(b, offIpcPermCgid, uid)
		put32(b, offIpcPermMode, 0o600)
		putU32(b, offShmSegsz, s.size)
		put32(b, offShmCpid, int32(s.creator))
		put32(b, offShmNattch, int32(s.attach))
		return 0
	}
	return -EINVAL
}

func (p *Process) shmat(a *[6]int32) int32 {
	p.k.mu.Lock()
	s := p.k.mu.shm.get(a[0])
	if s == nil {
		p.k.mu.Unlock()
		return -EINVAL
	}
	s.attach++ // keeps it while it is mapped below, without the lock
	p.k.mu.Unlock()

	addr, e := p.mapShared(uint32(a[1]), s.size, s.fd, 0, s)
	if e != 0 {
		p.k.mu.Lock()
		p.k.mu.shm.detach(s)
		p.k.mu.Unlock()
		return -e
	}
	return int32(addr)
}

func (p *Process) shmdt(a *[6]int32) int32 {
	for _, m := range p.maps {
		if m.addr == uint32(a[0]) && m.seg != nil {
			p.unmap(m.addr)
			p.k.mu.Lock()
			p.k.mu.shm.detach(m.seg)
			p.k.mu.Unlock()
			return 0
		}
	}
	return -EINVAL
}
