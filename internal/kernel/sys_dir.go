package kernel

// getdents64. The directory is read whole at the first call, so that names that come and go
// meanwhile do not shift the rest.

import (
	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

func (d *disk) rewind() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.mu.read, d.mu.entries = false, nil
	_, _ = d.file.Seek(0, vfs.SEEK_SET) // a directory: it cannot fail
}

// getdents64 fills the buffer with struct linux_dirent64 {u64 ino, i64 off, u16 reclen, u8 type, char name[]}.
func (p *Process) getdents(a *[6]int32) (int32, abi.Errno) {
	f := p.file(a[0])
	if f == nil {
		return 0, abi.EBADF
	}
	d, ok := f.object.(*disk)
	if !ok || !d.dir {
		return 0, abi.ENOTDIR
	}
	out, ok := p.mem.bytes(uint32(a[1]), uint32(a[2]))
	if !ok {
		return 0, abi.EFAULT
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.mu.read {
		list, err := d.file.ReadDir()
		if err != nil {
			return 0, errnoOf(err)
		}
		d.mu.read = true
		d.mu.entries = append([]vfs.DirEntry{{Name: ".", Ino: 1, Type: vfs.DT_DIR}, {Name: "..", Ino: 1, Type: vfs.DT_DIR}}, list...)
	}
	n := 0
	for len(d.mu.entries) > 0 {
		e := d.mu.entries[0]
		size := (abi.OffDirentName + len(e.Name) + 1 + 7) &^ 7
		if n+size > len(out) {
			if n == 0 {
				return 0, abi.EINVAL
			}
			break
		}
		b := out[n : n+size]
		clear(b)
		put64(b, abi.OffDirentIno, int64(max(e.Ino, 1)))
		put64(b, abi.OffDirentOff, 1)
		put16(b, abi.OffDirentReclen, uint16(size))
		b[abi.OffDirentType] = e.Type
		copy(b[abi.OffDirentName:], e.Name)
		n += size
		d.mu.entries = d.mu.entries[1:]
	}
	return int32(n), 0
}
