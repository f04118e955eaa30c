package vfstest

import (
	"bytes"

	"nself.org/embeddedpg/internal/vfs"
)

// A file is an open file or directory of a Recorder.
type file struct {
	vfs.File
	r    *Recorder
	node Node
	flag int
}

func (f *file) Fd() int { return -1 }

func (f *file) Write(p []byte) (int, error) {
	return f.write(p, func() (int64, error) { return f.File.Seek(0, vfs.SEEK_CUR) }, f.File.Write)
}

func (f *file) Pwrite(p []byte, off int64) (int, error) {
	return f.write(p, func() (int64, error) { return off, nil }, func(p []byte) (int, error) { return f.File.Pwrite(p, off) })
}

func (f *file) write(p []byte, where func() (int64, error), call func([]byte) (int, error)) (int, error) {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	off, err := where()
	if f.flag&vfs.O_APPEND != 0 && err == nil {
		var st vfs.Stat
		st, err = f.File.Stat()
		off = st.Size
	}
	if err != nil {
		return 0, err
	}
	n, err := call(p)
	if n > 0 {
		op := Op{Kind: Write, Node: f.node, Off: off, Size: int64(n)}
		if !zero(p[:n]) {
			op.Data = bytes.Clone(p[:n])
		}
		f.r.noteLocked(op)
		switch {
		case f.flag&vfs.O_SYNC == vfs.O_SYNC:
			f.r.noteLocked(Op{Kind: Sync, Node: f.node})
		case f.flag&vfs.O_DSYNC != 0:
			f.r.noteLocked(Op{Kind: DataSync, Node: f.node})
		}
	}
	return n, err
}

func (f *file) Truncate(size int64) error {
	return f.change(Op{Kind: Truncate, Node: f.node, Size: size}, func() error { return f.File.Truncate(size) })
}

func (f *file) Allocate(off, n int64) error {
	return f.change(Op{Kind: Allocate, Node: f.node, Off: off, Size: n}, func() error { return f.File.Allocate(off, n) })
}

// Sync counts as a flush only if the file system below says so; else as one that failed.
func (f *file) Sync(dataOnly bool) error {
	kind := Sync
	if dataOnly {
		kind = DataSync
	}
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	err := f.File.Sync(dataOnly)
	if err != nil {
		kind = LostSync
	}
	f.r.noteLocked(Op{Kind: kind, Node: f.node})
	return err
}

func (f *file) change(op Op, call func() error) error {
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	err := call()
	if err == nil {
		f.r.noteLocked(op)
	}
	return err
}

var zeros [4096]byte

// zero reports whether p is all zeros.
func zero(p []byte) bool {
	for len(p) > len(zeros) {
		if !bytes.Equal(p[:len(zeros)], zeros[:]) {
			return false
		}
		p = p[len(zeros):]
	}
	return bytes.Equal(p, zeros[:len(p)])
}
