package vfstest

import (
	"sync"
	"syscall"

	"nself.org/embeddedpg/internal/vfs"
)

// A Quota is a test double: a disk with so many bytes left. It lets files grow by
// that much in all, then a write that would make one grow is short, and the next
// is ENOSPC. As on a real disk, what is there can still be overwritten. Space is
// not given back by removing or shortening files; Set or Lift gives it.
//
// Open files have no host descriptor (Fd is -1), so that every write comes here.
// Growth by Truncate makes a hole and is free.
type Quota struct {
	vfs.FS
	mu struct {
		sync.Mutex
		left  int64
		limit bool
	}
}

// NewQuota lets the files of fs grow by left bytes.
func NewQuota(fs vfs.FS, left int64) *Quota {
	q := &Quota{FS: fs}
	q.Set(left)
	return q
}

// Set makes left bytes the room from now on.
func (q *Quota) Set(left int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mu.left, q.mu.limit = left, true
}

// Lift takes the limit away.
func (q *Quota) Lift() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mu.limit = false
}

// Open implements FS.
func (q *Quota) Open(name string, flag int, perm uint32) (vfs.File, error) {
	f, err := q.FS.Open(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &quotaFile{File: f, quota: q, appends: flag&vfs.O_APPEND != 0}, nil
}

// growLocked says how many of n bytes at off of a file of this size there is
// room for.
func (q *Quota) growLocked(size, off, n int64) (int64, error) {
	growth := off + n - max(size, off)
	if !q.mu.limit || growth <= 0 || growth <= q.mu.left {
		return n, nil
	}
	if n -= growth - q.mu.left; n <= 0 {
		return 0, syscall.ENOSPC
	}
	return n, nil
}

// spendLocked takes what a write of n bytes at off made the file grow by.
func (q *Quota) spendLocked(size, off, n int64) {
	if growth := off + n - max(size, off); q.mu.limit && n > 0 && growth > 0 {
		q.mu.left -= growth
	}
}

type quotaFile struct {
	vfs.File
	quota   *Quota
	appends bool
}

func (f *quotaFile) Fd() int { return -1 }

func (f *quotaFile) Write(p []byte) (int, error) {
	return f.write(p, func(size int64) (int64, error) {
		if f.appends {
			return size, nil
		}
		return f.File.Seek(0, vfs.SEEK_CUR)
	}, f.File.Write)
}

func (f *quotaFile) Pwrite(p []byte, off int64) (int, error) {
	return f.write(p, func(size int64) (int64, error) {
		if f.appends {
			return size, nil
		}
		return off, nil
	}, func(p []byte) (int, error) { return f.File.Pwrite(p, off) })
}

// write holds the lock from the look at the size to the end of the write, so
// that two that extend one file are counted one after the other.
func (f *quotaFile) write(p []byte, where func(size int64) (int64, error), call func([]byte) (int, error)) (int, error) {
	q := f.quota
	q.mu.Lock()
	defer q.mu.Unlock()
	st, err := f.File.Stat()
	if err != nil {
		return 0, err
	}
	if !st.IsRegular() || len(p) == 0 {
		return call(p)
	}
	off, err := where(st.Size)
	if err != nil {
		return 0, err
	}
	room, err := q.growLocked(st.Size, off, int64(len(p)))
	if err != nil {
		return 0, err
	}
	n, err := call(p[:room])
	q.spendLocked(st.Size, off, int64(n))
	return n, err
}

// Allocate takes all of the room it needs, or none.
func (f *quotaFile) Allocate(off, n int64) error {
	q := f.quota
	q.mu.Lock()
	defer q.mu.Unlock()
	st, err := f.File.Stat()
	if err != nil {
		return err
	}
	if room, err := q.growLocked(st.Size, off, n); err != nil || room < n {
		return syscall.ENOSPC
	}
	if err := f.File.Allocate(off, n); err != nil {
		return err
	}
	q.spendLocked(st.Size, off, n)
	return nil
}
