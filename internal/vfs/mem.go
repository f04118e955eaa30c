package vfs

import (
	"strings"
	"sync"
	"syscall"
	"time"

	"nself.org/embeddedpg/internal/abi"
)

// MemLimit is the default of MemOptions.Limit: 64 MiB. A server keeps its
// temporary files in its data directory, so what comes to /tmp is small.
const MemLimit = 64 << 20

// MemOptions are the choices of NewMem.
type MemOptions struct {
	// Limit is how much memory the files may take, in bytes; beyond it is ENOSPC.
	// 0 means MemLimit. Content counts in whole pages of 4 KiB (holes are free),
	// and every file, directory or link counts 1 KiB on top.
	Limit int64
}

// A Mem is a file system in memory: sparse files, hard and symbolic links,
// rename over, files that live on after they were unlinked. It never touches the
// host's disk and is gone with the last reference to it.
//
// Reading does not change the time of last access. Modes are kept, not enforced.
type Mem struct {
	dev   uint64
	limit int64
	mu    struct {
		sync.RWMutex // guards the whole tree and all content
		root         *memNode
		used         int64
		lastIno      uint64
	}
}

// NewMem returns an empty file system whose root has mode 0755.
func NewMem(opts MemOptions) *Mem {
	m := &Mem{dev: newDevice(), limit: opts.Limit}
	if m.limit <= 0 {
		m.limit = MemLimit
	}
	m.mu.root, _ = m.newNodeLocked(S_IFDIR | 0o755)
	return m
}

// WriteFile makes a file with this content, and the directories it lies in, with
// mode 0755, where they are missing. What the file held before is gone.
func (m *Mem) WriteFile(name string, data []byte, perm uint32) error {
	abs, err := absolute(name)
	if err != nil {
		return pathError("write", name, err)
	}
	for i := 1; i < len(abs); i++ {
		if abs[i] != '/' {
			continue
		}
		if err := m.Mkdir(abs[:i], 0o755); err != nil && Errno(err) != abi.EEXIST {
			return err
		}
	}
	f, err := m.Open(abs, O_WRONLY|O_CREAT|O_TRUNC, perm)
	if err != nil {
		return err
	}
	defer f.Close()
	for len(data) > 0 {
		n, err := f.Write(data)
		if err != nil {
			return pathError("write", name, err)
		}
		data = data[n:]
	}
	return nil
}

// Open implements FS.
func (m *Mem) Open(name string, flag int, perm uint32) (File, error) {
	f, err := m.open(name, flag, perm)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return f, nil
}

func (m *Mem) open(name string, flag int, perm uint32) (*memFile, error) {
	if err := checkFlags(flag); err != nil {
		return nil, err
	}
	exclusive := flag&(O_CREAT|O_EXCL) == O_CREAT|O_EXCL
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.walkLocked(name, flag&O_NOFOLLOW == 0 && !exclusive)
	if err != nil {
		return nil, err
	}
	n := at.node
	switch {
	case n == nil && flag&O_CREAT == 0:
		return nil, syscall.ENOENT
	case n == nil:
		if n, err = m.addLocked(at, S_IFREG|perm&0o7777); err != nil {
			return nil, err
		}
	case exclusive:
		return nil, syscall.EEXIST
	case !n.isDir() && flag&O_DIRECTORY != 0:
		return nil, syscall.ENOTDIR
	case n.isLink():
		return nil, syscall.ELOOP
	case n.isDir() && (writes(flag) || flag&O_CREAT != 0):
		return nil, syscall.EISDIR
	case flag&O_TRUNC != 0:
		m.truncateLocked(n, 0)
	}
	n.opens++
	return &memFile{mem: m, node: n, flag: flag}, nil
}

// Stat implements FS.
func (m *Mem) Stat(name string, follow bool) (Stat, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	at, err := m.walkLocked(name, follow)
	if err == nil && at.node == nil {
		err = syscall.ENOENT
	}
	if err != nil {
		return Stat{}, pathError("stat", name, err)
	}
	return m.statLocked(at.node), nil
}

// Mkdir implements FS.
func (m *Mem) Mkdir(name string, perm uint32) error {
	return m.add("mkdir", name, func(at memPlace) error {
		_, err := m.addLocked(at, S_IFDIR|perm&0o7777)
		return err
	})
}

// Symlink implements FS. A target that leaves the root is EPERM.
func (m *Mem) Symlink(target, name string) error {
	return m.add("symlink", name, func(at memPlace) error {
		rel, err := relative(name)
		if err == nil {
			err = checkTarget(target, rel)
		}
		if err != nil {
			return err
		}
		n, err := m.addLocked(at, S_IFLNK|0o777)
		if err == nil {
			n.target = target
		}
		return err
	})
}

// add runs call, which adds a name. The root is always there.
func (m *Mem) add(op, name string, call func(memPlace) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.walkLocked(name, false)
	switch {
	case err != nil:
	case at.dir == nil:
		err = syscall.EEXIST
	default:
		err = call(at)
	}
	return pathError(op, name, err)
}

// Unlink implements FS.
func (m *Mem) Unlink(name string) error {
	return m.change("unlink", name, false, func(at memPlace) error {
		if at.node.isDir() {
			return syscall.EISDIR
		}
		m.removeLocked(at)
		return nil
	})
}

// Rmdir implements FS.
func (m *Mem) Rmdir(name string) error {
	return m.change("rmdir", name, false, func(at memPlace) error {
		switch {
		case !at.node.isDir():
			return syscall.ENOTDIR
		case at.dir == nil:
			return syscall.EBUSY
		case len(at.node.children) > 0:
			return syscall.ENOTEMPTY
		}
		m.removeLocked(at)
		return nil
	})
}

// Rename implements FS.
func (m *Mem) Rename(old, new string) error {
	return linkError("rename", old, new, m.change2(old, new, m.renameLocked))
}

func (m *Mem) renameLocked(from, to memPlace) error {
	if from.dir == nil || to.dir == nil {
		return syscall.EBUSY
	}
	if from.node == to.node {
		return nil
	}
	switch {
	case to.dir.isIn(from.node):
		return syscall.EINVAL
	case from.dir.isIn(to.node):
		return syscall.ENOTEMPTY
	}
	if to.node != nil {
		switch {
		case from.node.isDir() && !to.node.isDir():
			return syscall.ENOTDIR
		case !from.node.isDir() && to.node.isDir():
			return syscall.EISDIR
		case len(to.node.children) > 0:
			return syscall.ENOTEMPTY
		}
		m.removeLocked(to)
	}
	now := time.Now()
	delete(from.dir.children, from.base)
	to.dir.children[to.base] = from.node
	from.dir.mtime, from.dir.ctime = now, now
	to.dir.mtime, to.dir.ctime = now, now
	from.node.ctime = now
	if from.node.isDir() {
		from.node.parent = to.dir
	}
	return nil
}

// Link implements FS.
func (m *Mem) Link(old, new string) error {
	return linkError("link", old, new, m.change2(old, new, func(from, to memPlace) error {
		switch {
		case to.node != nil:
			return syscall.EEXIST
		case from.node.isDir():
			return syscall.EPERM
		}
		now := time.Now()
		to.dir.children[to.base] = from.node
		to.dir.mtime, to.dir.ctime, from.node.ctime = now, now, now
		from.node.nlink++
		return nil
	}))
}

// Readlink implements FS.
func (m *Mem) Readlink(name string) (string, error) {
	target := ""
	err := m.change("readlink", name, false, func(at memPlace) error {
		if !at.node.isLink() {
			return syscall.EINVAL
		}
		target = at.node.target
		return nil
	})
	return target, err
}

// Chmod implements FS.
func (m *Mem) Chmod(name string, mode uint32) error {
	return m.change("chmod", name, true, func(at memPlace) error {
		at.node.chmodLocked(mode)
		return nil
	})
}

// Truncate implements FS.
func (m *Mem) Truncate(name string, size int64) error {
	return m.change("truncate", name, true, func(at memPlace) error {
		switch {
		case at.node.isDir():
			return syscall.EISDIR
		case size < 0:
			return syscall.EINVAL
		}
		m.truncateLocked(at.node, size)
		return nil
	})
}

// Chtimes implements FS.
func (m *Mem) Chtimes(name string, atime, mtime time.Time) error {
	return m.change("chtimes", name, true, func(at memPlace) error {
		if !atime.IsZero() {
			at.node.atime = atime
		}
		if !mtime.IsZero() {
			at.node.mtime = mtime
		}
		at.node.ctime = time.Now()
		return nil
	})
}

// change runs call for a name that exists.
func (m *Mem) change(op, name string, follow bool, call func(memPlace) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, err := m.walkLocked(name, follow)
	if err == nil && at.node == nil {
		err = syscall.ENOENT
	}
	if err == nil {
		err = call(at)
	}
	return pathError(op, name, err)
}

func (m *Mem) change2(old, new string, call func(from, to memPlace) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, err := m.walkLocked(old, false)
	if err != nil {
		return err
	}
	to, err := m.walkLocked(new, false)
	switch {
	case err != nil:
		return err
	case from.node == nil:
		return syscall.ENOENT
	}
	return call(from, to)
}

// A memPlace is where a name leads: its directory (nil for the root), its last
// element, and the node, nil if there is none.
type memPlace struct {
	dir  *memNode
	base string
	node *memNode
}

// maxLinks is how many symbolic links one name may lead through: Linux's
// include/linux/namei.h, MAXSYMLINKS.
const maxLinks = 40

// walkLocked finds a name. Links on the way are followed, the last one only if
// follow says so.
func (m *Mem) walkLocked(name string, follow bool) (memPlace, error) {
	rest, err := relative(name)
	if err != nil {
		return memPlace{}, err
	}
	at := memPlace{node: m.mu.root}
	for links := 0; rest != ""; {
		var element string
		element, rest, _ = strings.Cut(rest, "/")
		if !at.node.isDir() {
			return memPlace{}, syscall.ENOTDIR
		}
		switch {
		case element == "" || element == ".":
			continue
		case element == "..":
			if at.node.parent == nil {
				return memPlace{}, syscall.EACCES
			}
			at = memPlace{dir: at.node.parent.parent, node: at.node.parent}
			continue
		case len(element) > NAME_MAX:
			return memPlace{}, syscall.ENAMETOOLONG
		}
		dir := at.node
		at = memPlace{dir: dir, base: element, node: dir.children[element]}
		if at.node == nil {
			if rest != "" {
				return memPlace{}, syscall.ENOENT
			}
			return at, nil
		}
		if !at.node.isLink() || rest == "" && !follow {
			continue
		}
		if links++; links > maxLinks {
			return memPlace{}, syscall.ELOOP
		}
		if at.node.target[0] == '/' {
			return memPlace{}, syscall.EACCES
		}
		if rest != "" {
			rest = "/" + rest
		}
		rest = at.node.target + rest
		at = memPlace{node: dir, dir: dir.parent}
	}
	return at, nil
}
