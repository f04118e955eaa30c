package vfs

import (
	"sync"
	"syscall"
)

// A listing is an open directory whose content was taken down when it was
// opened: the directory of a file system that lives in this process.
type listing struct {
	dirFile
	mu struct {
		sync.Mutex
		stat Stat
		list []DirEntry
		next int
	}
}

func newListing(st Stat, list []DirEntry) *listing {
	l := &listing{}
	l.mu.stat, l.mu.list = st, list
	return l
}

func (l *listing) Stat() (Stat, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.stat, nil
}

func (l *listing) ReadDir() ([]DirEntry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := l.mu.list[l.mu.next:]
	l.mu.next = len(l.mu.list)
	return append([]DirEntry(nil), rest...), nil
}

func (l *listing) Seek(off int64, whence int) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return seekDir(&l.mu.next, off, whence)
}

// seekDir moves the position in a directory: to the start, or nowhere.
func seekDir(next *int, off int64, whence int) (int64, error) {
	switch {
	case whence == SEEK_SET && off == 0:
		*next = 0
	case whence == SEEK_CUR && off == 0:
	default:
		return 0, syscall.EINVAL
	}
	return int64(*next), nil
}

// dirFile has the calls that are the same for every directory without a host
// descriptor.
type dirFile struct{}

func (dirFile) Read([]byte) (int, error)          { return 0, syscall.EISDIR }
func (dirFile) Write([]byte) (int, error)         { return 0, syscall.EBADF }
func (dirFile) Pread([]byte, int64) (int, error)  { return 0, syscall.EISDIR }
func (dirFile) Pwrite([]byte, int64) (int, error) { return 0, syscall.EBADF }
func (dirFile) Truncate(int64) error              { return syscall.EINVAL }
func (dirFile) Allocate(int64, int64) error       { return syscall.EBADF }
func (dirFile) Sync(bool) error                   { return nil }
func (dirFile) Chmod(uint32) error                { return syscall.EROFS }
func (dirFile) Fd() int                           { return -1 }
func (dirFile) Close() error                      { return nil }
