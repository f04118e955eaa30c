package kernel

// Open files of the tree, as descriptors. Invariant: what a disk shows to the fast path (its host
// descriptor) stays valid until close, which the last reference calls. disk.mu guards the
// position of getdents alone, and nothing is locked under it.

import (
	"sync"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

// disk is an open file, directory or device of the file tree.
type disk struct {
	file vfs.File
	path string // as it was opened; for directory-relative calls
	dir  bool

	mu struct {
		sync.Mutex
		entries []vfs.DirEntry // what getdents has still to tell; nil before the first call
		read    bool
	}
}

func (d *disk) fastPath() (uint64, uint32) {
	if fd := d.file.Fd(); fd >= 0 && !d.dir {
		return uint64(fd), FastPathFile
	}
	return 0, 0
}

func (d *disk) readiness() int { return -1 }

func (d *disk) stat() (vfs.Stat, abi.Errno) {
	st, err := d.file.Stat()
	if err != nil {
		return st, errnoOf(err)
	}
	return st, 0
}

func (d *disk) close() { d.file.Close() }

// regular returns the file of a descriptor that is not a directory.
func (p *Process) regular(fd int32) (*openFile, *disk, abi.Errno) {
	f := p.file(fd)
	if f == nil {
		return nil, nil, abi.EBADF
	}
	d, ok := f.object.(*disk)
	if !ok {
		return nil, nil, abi.ESPIPE
	}
	if d.dir {
		return nil, nil, abi.EISDIR
	}
	return f, d, 0
}
