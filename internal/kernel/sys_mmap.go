package kernel

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
