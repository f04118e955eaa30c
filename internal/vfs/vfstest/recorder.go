package vfstest

import (
	"fmt"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"nself.org/embeddedpg/internal/vfs"
)

// A Recorder is a file system that notes every change on its way to the one below. Nothing else may change that
// one. Its open files have no host descriptor (Fd is -1), so that every change comes here.
//
// Changes are made one at a time: the lock is held while the file system below makes one, so the journal's order
// is the order in which they happened. Symbolic links are not supported: EPERM.
type Recorder struct {
	fs vfs.FS
	mu struct {
		sync.Mutex
		journal Journal
		root    *entry
		last    Node
	}
}

// An entry is a name in the live tree.
type entry struct {
	node     Node
	children map[string]*entry // of a directory
}

// NewRecorder reads the whole of fs, which counts as durable, and records from there.
func NewRecorder(fs vfs.FS) (*Recorder, error) {
	r := &Recorder{fs: fs}
	r.mu.root = &entry{children: map[string]*entry{}}
	if err := r.readBase(r.mu.root, "/"); err != nil {
		return nil, fmt.Errorf("read the tree to record: %w", err)
	}
	return r, nil
}

func (r *Recorder) readBase(dir *entry, name string) error {
	f, err := r.fs.Open(name, vfs.O_RDONLY|vfs.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	list, err := f.ReadDir()
	f.Close()
	if err != nil {
		return err
	}
	for _, e := range list {
		at := path.Join(name, e.Name)
		st, err := r.fs.Stat(at, false)
		if err != nil {
			return err
		}
		r.mu.last++
		b := BaseFile{Path: at[1:], Node: r.mu.last, Dir: st.IsDir(), Mode: st.Mode &^ vfs.S_IFMT}
		child := &entry{node: b.Node}
		dir.children[e.Name] = child
		switch {
		case b.Dir:
			child.children = map[string]*entry{}
			r.mu.journal.Base = append(r.mu.journal.Base, b)
			if err := r.readBase(child, at); err != nil {
				return err
			}
		case st.IsRegular():
			if b.Data, err = readAll(r.fs, at, st.Size); err != nil {
				return err
			}
			r.mu.journal.Base = append(r.mu.journal.Base, b)
		default:
			return fmt.Errorf("%s is neither a file nor a directory", at)
		}
	}
	return nil
}

func readAll(fs vfs.FS, name string, size int64) ([]byte, error) {
	f, err := fs.Open(name, vfs.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, size)
	for n := 0; n < len(b); {
		m, err := f.Pread(b[n:], int64(n))
		if err != nil {
			return nil, err
		}
		if m == 0 {
			return b[:n], nil
		}
		n += m
	}
	return b, nil
}

// Position is how many operations have happened: the present moment.
func (r *Recorder) Position() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.mu.journal.Ops)
}

// Journal returns what has been recorded. The caller must not change it; what happens later is not in it.
func (r *Recorder) Journal() *Journal {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.mu.journal
	return &j
}

func (r *Recorder) noteLocked(op Op) { r.mu.journal.Ops = append(r.mu.journal.Ops, op) }

// findLocked returns the directory that a name lies in, its last element, and what it names; nil if nothing. The
// directory is nil if there is none.
func (r *Recorder) findLocked(name string) (dir *entry, base string, e *entry) {
	name = strings.Trim(path.Clean("/"+name), "/")
	if name == "" {
		return nil, "", r.mu.root
	}
	dir = r.mu.root
	for {
		first, rest, more := strings.Cut(name, "/")
		if !more {
			return dir, first, dir.children[first]
		}
		if dir = dir.children[first]; dir == nil {
			return nil, "", nil
		}
		name = rest
	}
}

// Open implements vfs.FS.
func (r *Recorder) Open(name string, flag int, perm uint32) (vfs.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := r.fs.Open(name, flag, perm)
	if err != nil {
		return nil, err
	}
	dir, base, e := r.findLocked(name)
	switch {
	case e == nil && dir != nil:
		r.mu.last++
		e = &entry{node: r.mu.last}
		dir.children[base] = e
		r.noteLocked(Op{Kind: Create, Node: e.node, Dir: dir.node, Name: base, Mode: perm})
	case e == nil:
		f.Close()
		return nil, fmt.Errorf("open %s: changed behind the recorder: %w", name, syscall.ESTALE)
	case flag&vfs.O_TRUNC != 0 && e.children == nil:
		r.noteLocked(Op{Kind: Truncate, Node: e.node})
	}
	return &file{File: f, r: r, node: e.node, flag: flag}, nil
}

// Stat implements vfs.FS.
func (r *Recorder) Stat(name string, follow bool) (vfs.Stat, error) { return r.fs.Stat(name, follow) }

// Mkdir implements vfs.FS.
func (r *Recorder) Mkdir(name string, perm uint32) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fs.Mkdir(name, perm); err != nil {
		return err
	}
	dir, base, _ := r.findLocked(name)
	r.mu.last++
	dir.children[base] = &entry{node: r.mu.last, children: map[string]*entry{}}
	r.noteLocked(Op{Kind: Mkdir, Node: r.mu.last, Dir: dir.node, Name: base, Mode: perm})
	return nil
}

// Unlink implements vfs.FS.
func (r *Recorder) Unlink(name string) error { return r.remove(name, Unlink, r.fs.Unlink) }

// Rmdir implements vfs.FS.
func (r *Recorder) Rmdir(name string) error { return r.remove(name, Rmdir, r.fs.Rmdir) }

func (r *Recorder) remove(name string, kind Kind, call func(string) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := call(name); err != nil {
		return err
	}
	dir, base, e := r.findLocked(name)
	delete(dir.children, base)
	r.noteLocked(Op{Kind: kind, Node: e.node, Dir: dir.node, Name: base})
	return nil
}

// Rename implements vfs.FS.
func (r *Recorder) Rename(old, new string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fs.Rename(old, new); err != nil {
		return err
	}
	dir, base, e := r.findLocked(old)
	dir2, base2, replaced := r.findLocked(new)
	if replaced != nil && replaced.node == e.node {
		return nil // two names of one file: rename does nothing
	}
	delete(dir.children, base)
	dir2.children[base2] = e
	r.noteLocked(Op{Kind: Rename, Node: e.node, Dir: dir.node, Name: base, Dir2: dir2.node, Name2: base2})
	return nil
}

// Link implements vfs.FS.
func (r *Recorder) Link(old, new string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fs.Link(old, new); err != nil {
		return err
	}
	_, _, e := r.findLocked(old)
	dir, base, _ := r.findLocked(new)
	dir.children[base] = &entry{node: e.node}
	r.noteLocked(Op{Kind: Link, Node: e.node, Dir: dir.node, Name: base})
	return nil
}

// Symlink fails with EPERM.
func (r *Recorder) Symlink(target, name string) error {
	return fmt.Errorf("symlink %s: %w", name, syscall.EPERM)
}

// Readlink implements vfs.FS.
func (r *Recorder) Readlink(name string) (string, error) { return r.fs.Readlink(name) }

// Chmod implements vfs.FS. Modes are not recorded.
func (r *Recorder) Chmod(name string, mode uint32) error { return r.fs.Chmod(name, mode) }

// Chtimes implements vfs.FS. Times are not recorded.
func (r *Recorder) Chtimes(name string, atime, mtime time.Time) error {
	return r.fs.Chtimes(name, atime, mtime)
}

// Truncate implements vfs.FS.
func (r *Recorder) Truncate(name string, size int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fs.Truncate(name, size); err != nil {
		return err
	}
	_, _, e := r.findLocked(name)
	r.noteLocked(Op{Kind: Truncate, Node: e.node, Size: size})
	return nil
}
