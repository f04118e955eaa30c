package vfs

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"nself.org/embeddedpg/internal/abi"
)

// A Namespace joins file systems into one tree. Each is mounted at a directory,
// and a name belongs to the mount with the longest prefix.
//
// Mount points, and the directories that lead to them, exist whether or not the
// file system below has them. They cannot be removed, renamed or replaced
// (EBUSY, EEXIST), nor can a directory that has one below it. Rename and Link
// from one mount to another are EXDEV.
//
// A symbolic link is resolved by the file system it lies in, so it never leads
// into another mount. All of this package keep to relative links for that
// reason: an absolute one would mean another place inside the mount than in the
// tree.
type Namespace struct {
	mounts []mount                        // longest first
	above  map[string]map[string]struct{} // directories that lead to mounts, and what they show of them
	dev    uint64
	born   time.Time
}

type mount struct {
	at string // "/" or "/a/b"
	fs FS
}

// NewNamespace mounts each file system at its key, a clean absolute name; any
// other key is EINVAL. The table does not change afterwards.
func NewNamespace(mounts map[string]FS) (*Namespace, error) {
	n := &Namespace{
		above: map[string]map[string]struct{}{"/": {}},
		dev:   newDevice(),
		born:  time.Now(),
	}
	for at, fs := range mounts {
		if abs, err := absolute(at); err != nil || abs != at || fs == nil {
			return nil, pathError("mount", at, syscall.EINVAL)
		}
		n.mounts = append(n.mounts, mount{at, fs})
		for dir := at; dir != "/"; {
			base := path.Base(dir)
			dir = path.Dir(dir)
			if n.above[dir] == nil {
				n.above[dir] = map[string]struct{}{}
			}
			n.above[dir][base] = struct{}{}
		}
	}
	slices.SortFunc(n.mounts, func(a, b mount) int { return cmp.Compare(len(b.at), len(a.at)) })
	return n, nil
}

// find returns the mount of a clean absolute name and the name within it, or nil.
func (n *Namespace) find(abs string) (*mount, string) {
	for i := range n.mounts {
		m := &n.mounts[i]
		switch {
		case m.at == "/":
			return m, abs
		case !strings.HasPrefix(abs, m.at):
		case len(abs) == len(m.at):
			return m, "/"
		case abs[len(m.at)] == '/':
			return m, abs[len(m.at):]
		}
	}
	return nil, ""
}

// leads reports whether a mount lies below the name.
func (n *Namespace) leads(abs string) bool { return len(n.above[abs]) > 0 || abs == "/" }

// fixed reports whether a mount lies at or below the name.
func (n *Namespace) fixed(abs string) bool {
	return n.leads(abs) || slices.ContainsFunc(n.mounts, func(m mount) bool { return m.at == abs })
}

// synthetic describes a directory that no file system has.
func (n *Namespace) synthetic(abs string) Stat {
	ino := uint64(14695981039346656037) // FNV-1a of the name
	for i := range len(abs) {
		ino = (ino ^ uint64(abs[i])) * 1099511628211
	}
	return Stat{
		Dev: n.dev, Ino: ino, Mode: S_IFDIR | 0o555, Nlink: 2, Blksize: 4096,
		Atime: n.born, Mtime: n.born, Ctime: n.born,
	}
}

// Stat implements FS.
func (n *Namespace) Stat(name string, follow bool) (Stat, error) {
	abs, err := absolute(name)
	if err != nil {
		return Stat{}, pathError("stat", name, err)
	}
	m, inner := n.find(abs)
	if !n.leads(abs) {
		if m == nil {
			return Stat{}, pathError("stat", name, syscall.ENOENT)
		}
		return m.fs.Stat(inner, follow)
	}
	if m != nil {
		if st, err := m.fs.Stat(inner, follow); err == nil && st.IsDir() {
			return st, nil
		}
	}
	return n.synthetic(abs), nil
}

// Open implements FS.
func (n *Namespace) Open(name string, flag int, perm uint32) (File, error) {
	abs, err := absolute(name)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	m, inner := n.find(abs)
	if !n.leads(abs) {
		if m == nil {
			return nil, pathError("open", name, n.missing(abs, flag&O_CREAT != 0))
		}
		return m.fs.Open(inner, flag, perm)
	}
	switch {
	case flag&(O_CREAT|O_EXCL) == O_CREAT|O_EXCL:
		return nil, pathError("open", name, syscall.EEXIST)
	case writes(flag) || flag&O_CREAT != 0:
		return nil, pathError("open", name, syscall.EISDIR)
	}
	st := n.synthetic(abs)
	var below File = newListing(st, nil)
	if m != nil {
		if f, err := m.fs.Open(inner, flag|O_DIRECTORY, 0); err == nil {
			below = f
		}
	}
	u := &unionDir{File: below}
	for base := range n.above[abs] {
		st, err := n.Stat(path.Join(abs, base), true)
		if err == nil {
			u.mounts = append(u.mounts, DirEntry{Name: base, Ino: st.Ino, Type: DT_DIR})
		}
	}
	slices.SortFunc(u.mounts, func(a, b DirEntry) int { return strings.Compare(a.Name, b.Name) })
	return u, nil
}

// missing is the error for a name outside of every mount.
func (n *Namespace) missing(abs string, create bool) error {
	if create && n.leads(path.Dir(abs)) {
		return syscall.EROFS
	}
	return syscall.ENOENT
}

// one runs a call on one name. onFixed is the error of the call for a name that
// leads to a mount, nil if the file system below may have its way.
func (n *Namespace) one(op, name string, create bool, onFixed error, call func(fs FS, inner string) error) error {
	abs, err := absolute(name)
	if err != nil {
		return pathError(op, name, err)
	}
	if onFixed != nil && n.fixed(abs) {
		return pathError(op, name, onFixed)
	}
	m, inner := n.find(abs)
	switch {
	case m != nil:
		err = call(m.fs, inner)
		if n.leads(abs) && Errno(err) == abi.ENOENT {
			return pathError(op, name, syscall.EROFS)
		}
		return err
	case n.leads(abs):
		return pathError(op, name, syscall.EROFS)
	}
	return pathError(op, name, n.missing(abs, create))
}

func (n *Namespace) two(op, old, new string, onFixed error, call func(fs FS, old, new string) error) error {
	from, err := absolute(old)
	if err != nil {
		return linkError(op, old, new, err)
	}
	to, err := absolute(new)
	if err != nil {
		return linkError(op, old, new, err)
	}
	if n.fixed(from) || n.fixed(to) {
		return linkError(op, old, new, onFixed)
	}
	m, inner := n.find(from)
	if m == nil {
		return linkError(op, old, new, n.missing(from, false))
	}
	m2, inner2 := n.find(to)
	if m2 == nil {
		return linkError(op, old, new, n.missing(to, true))
	}
	if m != m2 {
		if _, err := m.fs.Stat(inner, false); err != nil {
			return err
		}
		return linkError(op, old, new, syscall.EXDEV)
	}
	return call(m.fs, inner, inner2)
}

// Mkdir implements FS.
func (n *Namespace) Mkdir(name string, perm uint32) error {
	return n.one("mkdir", name, true, syscall.EEXIST, func(fs FS, inner string) error { return fs.Mkdir(inner, perm) })
}

// Unlink implements FS.
func (n *Namespace) Unlink(name string) error {
	return n.one("unlink", name, false, syscall.EISDIR, FS.Unlink)
}

// Rmdir implements FS.
func (n *Namespace) Rmdir(name string) error {
	return n.one("rmdir", name, false, syscall.EBUSY, FS.Rmdir)
}

// Rename implements FS.
func (n *Namespace) Rename(old, new string) error {
	return n.two("rename", old, new, syscall.EBUSY, FS.Rename)
}

// Link implements FS.
func (n *Namespace) Link(old, new string) error {
	return n.two("link", old, new, syscall.EPERM, FS.Link)
}

// Symlink implements FS. The target is relative and stays inside the mount.
func (n *Namespace) Symlink(target, name string) error {
	return n.one("symlink", name, true, syscall.EEXIST, func(fs FS, inner string) error { return fs.Symlink(target, inner) })
}

// Readlink implements FS.
func (n *Namespace) Readlink(name string) (target string, err error) {
	err = n.one("readlink", name, false, syscall.EINVAL, func(fs FS, inner string) (err error) {
		target, err = fs.Readlink(inner)
		return err
	})
	return target, err
}

// Chmod implements FS.
func (n *Namespace) Chmod(name string, mode uint32) error {
	return n.one("chmod", name, false, nil, func(fs FS, inner string) error { return fs.Chmod(inner, mode) })
}

// Truncate implements FS.
func (n *Namespace) Truncate(name string, size int64) error {
	return n.one("truncate", name, false, syscall.EISDIR, func(fs FS, inner string) error { return fs.Truncate(inner, size) })
}

// Chtimes implements FS.
func (n *Namespace) Chtimes(name string, atime, mtime time.Time) error {
	return n.one("chtimes", name, false, nil, func(fs FS, inner string) error { return fs.Chtimes(inner, atime, mtime) })
}

// A unionDir is an open directory with mount points in it: they come first, and
// hide what the directory has under their names.
type unionDir struct {
	File
	mounts []DirEntry
	shown  atomic.Bool // since the last rewind
}

func (u *unionDir) ReadDir() ([]DirEntry, error) {
	list, err := u.File.ReadDir()
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(e DirEntry) bool {
		return slices.ContainsFunc(u.mounts, func(m DirEntry) bool { return m.Name == e.Name })
	})
	if u.shown.Swap(true) {
		return list, nil
	}
	return append(slices.Clone(u.mounts), list...), nil
}

func (u *unionDir) Seek(off int64, whence int) (int64, error) {
	at, err := u.File.Seek(off, whence)
	if err == nil && whence == SEEK_SET {
		u.shown.Store(false)
	}
	return at, err
}

// Fd is -1: a host descriptor would not show the mount points.
func (u *unionDir) Fd() int { return -1 }
