package kernel

import (
	"nself.org/embeddedpg/internal/vfs"
)

func (d *disk) rewind() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.read, d.mu.entries = false, nil
	_, _ = d.file.Seek(0, vfs.SEEK_SET) // a directory: it cannot fail
}

// getdents64 fills the buffer with struct linux_dirent64 {u64 ino, i64 off, u16 reclen, u8 type, char name[]}.
func (p *Process) getdents(a *[6]int32) int32 {
	f := p.file(a[0])
	if f == nil {
		return -EBADF
	}
	d, ok := f.object.(*disk)
	if !ok || !d.dir {
		return -ENOTDIR
	}
	out, ok := p.mem.bytes(uint32(a[1]), uint32(a[2]))
	if !ok {
		return -EFAULT
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.mu.read {
		list, err := d.file.ReadDir()
		if err != nil {
			return -errnoOf(err)
		}
		d.mu.read = true
		d.mu.entries = append([]vfs.DirEntry{{Name: ".", Ino: 1, Type: vfs.DT_DIR}, {Name: "..", Ino: 1, Type: vfs.DT_DIR}}, list...)
	}
	n := 0
	for len(d.mu.entries) > 0 {
		e := d.mu.entries[0]
		size := (offDirentName + len(e.Name) + 1 + 7) &^ 7
		if n+size > len(out) {
			if n == 0 {
				return -EINVAL
			}
			break
		}
		b := out[n : n+size]
		clear(b)
		put64(b, offDirentIno, int64(max(e.Ino, 1)))
		put64(b, offDirentOff, 1)
		put16(b, offDirentReclen, uint16(size))
		b[offDirentType] = e.Type
		copy(b[offDirentName:], e.Name)
		n += size
		d.mu.entries = d.mu.entries[1:]
	}
	return int32(n)
}
