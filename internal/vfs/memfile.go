package vfs

import (
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	memPage     = 4096
	memNodeCost = 1024
)

// A memNode is a file, a directory or a symbolic link of a Mem, whose lock
// guards it.
type memNode struct {
	ino                 uint64
	mode                uint32
	nlink               uint32
	opens               int
	size                int64
	pages               map[int64]*[memPage]byte // by offset / memPage; holes are absent
	target              string
	parent              *memNode // of a directory
	children            map[string]*memNode
	atime, mtime, ctime time.Time
}

func (n *memNode) isDir() bool  { return n.mode&S_IFMT == S_IFDIR }
func (n *memNode) isLink() bool { return n.mode&S_IFMT == S_IFLNK }

// isIn reports whether the directory n is dir or lies in it.
func (n *memNode) isIn(dir *memNode) bool {
	for ; n != nil; n = n.parent {
		if n == dir {
			return true
		}
	}
	return false
}

func (n *memNode) chmodLocked(mode uint32) {
	n.mode = n.mode&S_IFMT | mode&0o7777
	n.ctime = time.Now()
}

// newNodeLocked makes a node without a name.
func (m *Mem) newNodeLocked(mode uint32) (*memNode, error) {
	if m.mu.used+memNodeCost > m.limit {
		return nil, syscall.ENOSPC
	}
	m.mu.used += memNodeCost
	m.mu.lastIno++
	now := time.Now()
	n := &memNode{ino: m.mu.lastIno, mode: mode, nlink: 1, atime: now, mtime: now, ctime: now}
	if n.isDir() {
		n.nlink = 2
		n.children = map[string]*memNode{}
	}
	return n, nil
}

// addLocked makes a node at a place below the root.
func (m *Mem) addLocked(at memPlace, mode uint32) (*memNode, error) {
	if at.node != nil {
		return nil, syscall.EEXIST
	}
	if at.dir.nlink == 0 {
		return nil, syscall.ENOENT
	}
	n, err := m.newNodeLocked(mode)
	if err != nil {
		return nil, err
	}
	if n.isDir() {
		n.parent = at.dir
	}
	at.dir.children[at.base] = n
	at.dir.mtime, at.dir.ctime = n.ctime, n.ctime
	return n, nil
}

// removeLocked takes a name away, and with the last name and the last File the
// content.
func (m *Mem) removeLocked(at memPlace) {
	now := time.Now()
	delete(at.dir.children, at.base)
	at.dir.mtime, at.dir.ctime = now, now
	at.node.ctime = now
	if at.node.isDir() {
		at.node.nlink = 0
	} else {
		at.node.nlink--
	}
	m.dropLocked(at.node)
}

func (m *Mem) dropLocked(n *memNode) {
	if n.nlink > 0 || n.opens > 0 {
		return
	}
	m.mu.used -= memNodeCost + int64(len(n.pages))*memPage
	n.pages = nil
}

func (m *Mem) statLocked(n *memNode) Stat {
	st := Stat{
		Dev: m.dev, Ino: n.ino, Mode: n.mode, Nlink: n.nlink, Size: n.size,
		Blocks: int64(len(n.pages)) * (memPage / 512), Blksize: memPage,
		Atime: n.atime, Mtime: n.mtime, Ctime: n.ctime,
	}
	switch {
	case n.isLink():
		st.Size = int64(len(n.target))
	case n.isDir():
		for _, child := range n.children {
			if child.isDir() {
				st.Nlink++
			}
		}
	}
	return st
}

func (m *Mem) truncateLocked(n *memNode, size int64) {
	if size < n.size {
		last := (size + memPage - 1) / memPage // the first page that goes
		for i := range n.pages {
			if i >= last {
				delete(n.pages, i)
				m.mu.used -= memPage
			}
		}
		if page := n.pages[size/memPage]; page != nil {
			clear(page[size%memPage:])
		}
	}
	n.size = size
	n.mtime = time.Now()
	n.ctime = n.mtime
}

// pageLocked returns a page to write to, nil if there is no room for it.
func (m *Mem) pageLocked(n *memNode, i int64) *[memPage]byte {
	page := n.pages[i]
	if page == nil && m.mu.used+memPage <= m.limit {
		page = new([memPage]byte)
		if n.pages == nil {
			n.pages = map[int64]*[memPage]byte{}
		}
		n.pages[i] = page
		m.mu.used += memPage
	}
	return page
}

func (n *memNode) readLocked(p []byte, off int64) int {
	if off >= n.size {
		return 0
	}
	p = p[:min(int64(len(p)), n.size-off)]
	for done := 0; done < len(p); {
		at := off + int64(done)
		part := p[done:min(len(p), done+memPage-int(at%memPage))]
		if page := n.pages[at/memPage]; page != nil {
			copy(part, page[at%memPage:])
		} else {
			clear(part)
		}
		done += len(part)
	}
	return len(p)
}

func (m *Mem) writeLocked(n *memNode, p []byte, off int64) (int, error) {
	if off+int64(len(p)) < 0 {
		return 0, syscall.EFBIG
	}
	done := 0
	for done < len(p) {
		at := off + int64(done)
		page := m.pageLocked(n, at/memPage)
		if page == nil {
			break
		}
		done += copy(page[at%memPage:], p[done:])
	}
	if done > 0 {
		n.size = max(n.size, off+int64(done))
		n.mtime = time.Now()
		n.ctime = n.mtime
	} else if len(p) > 0 {
		return 0, syscall.ENOSPC
	}
	return done, nil
}

// A memFile is an open memNode. Its own lock is taken before the Mem's.
type memFile struct {
	mem  *Mem
	node *memNode
	flag int
	mu   struct {
		sync.Mutex
		off    int64
		list   []DirEntry // of a directory, once it is being read
		next   int
		closed bool
	}
}

// check tells whether the file was opened for the access wanted.
func (f *memFile) check(access int) error {
	switch {
	case access == O_RDONLY && f.node.isDir():
		return syscall.EISDIR
	case f.flag&O_ACCMODE != O_RDWR && f.flag&O_ACCMODE != access:
		return syscall.EBADF
	}
	return nil
}

func (f *memFile) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.Pread(p, f.mu.off)
	f.mu.off += int64(n)
	return n, err
}

func (f *memFile) Pread(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, syscall.EINVAL
	}
	if err := f.check(O_RDONLY); err != nil {
		return 0, err
	}
	f.mem.mu.RLock()
	defer f.mem.mu.RUnlock()
	return f.node.readLocked(p, off), nil
}

func (f *memFile) Write(p []byte) (int, error) {
	if err := f.check(O_WRONLY); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mem.mu.Lock()
	defer f.mem.mu.Unlock()
	if f.flag&O_APPEND != 0 {
		f.mu.off = f.node.size
	}
	n, err := f.mem.writeLocked(f.node, p, f.mu.off)
	f.mu.off += int64(n)
	return n, err
}

// Pwrite appends to a file with O_APPEND whatever the offset says, as Linux does.
func (f *memFile) Pwrite(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, syscall.EINVAL
	}
	if err := f.check(O_WRONLY); err != nil {
		return 0, err
	}
	f.mem.mu.Lock()
	defer f.mem.mu.Unlock()
	if f.flag&O_APPEND != 0 {
		off = f.node.size
	}
	return f.mem.writeLocked(f.node, p, off)
}

func (f *memFile) Seek(off int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.node.isDir() {
		if whence == SEEK_SET {
			f.mu.list = nil
		}
		return seekDir(&f.mu.next, off, whence)
	}
	switch whence {
	case SEEK_SET:
	case SEEK_CUR:
		off += f.mu.off
	case SEEK_END:
		f.mem.mu.RLock()
		off += f.node.size
		f.mem.mu.RUnlock()
	default:
		return 0, syscall.EINVAL
	}
	if off < 0 {
		return 0, syscall.EINVAL
	}
	f.mu.off = off
	return off, nil
}

func (f *memFile) Truncate(size int64) error {
	if f.check(O_WRONLY) != nil || size < 0 {
		return syscall.EINVAL
	}
	f.mem.mu.Lock()
	defer f.mem.mu.Unlock()
	f.mem.truncateLocked(f.node, size)
	return nil
}

func (f *memFile) Allocate(off, n int64) error {
	if err := f.check(O_WRONLY); err != nil {
		return err
	}
	switch {
	case off < 0 || n <= 0:
		return syscall.EINVAL
	case off+n < 0:
		return syscall.EFBIG
	case n > f.mem.limit:
		return syscall.ENOSPC
	}
	first, last := off/memPage, (off+n-1)/memPage
	f.mem.mu.Lock()
	defer f.mem.mu.Unlock()
	missing := last - first + 1
	for i := first; i <= last; i++ {
		if f.node.pages[i] != nil {
			missing--
		}
	}
	if f.mem.mu.used+missing*memPage > f.mem.limit {
		return syscall.ENOSPC
	}
	for i := first; i <= last; i++ {
		f.mem.pageLocked(f.node, i)
	}
	f.node.size = max(f.node.size, off+n)
	f.node.mtime = time.Now()
	f.node.ctime = f.node.mtime
	return nil
}

func (f *memFile) Sync(bool) error { return nil }

func (f *memFile) Stat() (Stat, error) {
	f.mem.mu.RLock()
	defer f.mem.mu.RUnlock()
	return f.mem.statLocked(f.node), nil
}

func (f *memFile) Chmod(mode uint32) error {
	f.mem.mu.Lock()
	defer f.mem.mu.Unlock()
	f.node.chmodLocked(mode)
	return nil
}

func (f *memFile) ReadDir() ([]DirEntry, error) {
	if !f.node.isDir() {
		return nil, syscall.ENOTDIR
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mem.mu.RLock()
	defer f.mem.mu.RUnlock()
	if f.node.nlink == 0 {
		return nil, syscall.ENOENT
	}
	if f.mu.list == nil {
		f.mu.list = make([]DirEntry, 0, len(f.node.children))
		for name, n := range f.node.children {
			f.mu.list = append(f.mu.list, DirEntry{Name: name, Ino: n.ino, Type: uint8((n.mode & S_IFMT) >> 12)})
		}
		slices.SortFunc(f.mu.list, func(a, b DirEntry) int { return strings.Compare(a.Name, b.Name) })
	}
	rest := f.mu.list[min(f.mu.next, len(f.mu.list)):]
	f.mu.next = len(f.mu.list)
	return slices.Clone(rest), nil
}

func (f *memFile) Fd() int { return -1 }

func (f *memFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.closed {
		return syscall.EBADF
	}
	f.mu.closed = true
	f.mem.mu.Lock()
	defer f.mem.mu.Unlock()
	f.node.opens--
	f.mem.dropLocked(f.node)
	return nil
}
