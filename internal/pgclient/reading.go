package pgclient

import (
	"strings"
	"sync/atomic"

	"nself.org/embeddedpg/internal/vfs"
)

// reading is the host's files, with a count of the bytes that are read of one file, or of those below one directory.
type reading struct {
	*vfs.Host
	path string
	n    *atomic.Int64
}

// Open implements vfs.FS.
func (r reading) Open(name string, flag int, perm uint32) (vfs.File, error) {
	f, err := r.Host.Open(name, flag, perm)
	if err == nil && (name == r.path || strings.HasPrefix(name, r.path+"/")) {
		f = readFile{f, r.n}
	}
	return f, err
}

// readFile counts. It has no descriptor, so that no read goes past it.
type readFile struct {
	vfs.File
	n *atomic.Int64
}

func (f readFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.n.Add(int64(max(n, 0)))
	return n, err
}

func (f readFile) Pread(p []byte, off int64) (int, error) {
	n, err := f.File.Pread(p, off)
	f.n.Add(int64(max(n, 0)))
	return n, err
}

func (f readFile) Fd() int { return -1 }
