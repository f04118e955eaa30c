package vfs

import (
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Shm is what a guest finds at /dev/shm: a flat directory of objects that the
// kernel maps into several guests at once. Each is a memfd on Linux and a file
// without a name elsewhere, so an object lives until it is unlinked and the last
// descriptor and mapping of it are gone, and none outlives the host process.
//
// Every File of one object shares one offset, and its Fd can be written whatever
// it was opened for: objects are meant to be mapped.
type Shm struct {
	dev uint64
	mu  struct {
		sync.Mutex
		objects map[string]*shmObject
		lastIno uint64
		mtime   time.Time
	}
}

// A shmObject holds the object by a descriptor of its own while it has a name.
type shmObject struct {
	ino  uint64
	mode uint32
	file File
}

// NewShm returns an empty directory. Close releases what is in it.
func NewShm() *Shm {
	s := &Shm{dev: newDevice()}
	s.mu.objects = map[string]*shmObject{}
	s.mu.lastIno = 1
	s.mu.mtime = time.Now()
	return s
}

// Close forgets every object. Files that are open, and mappings, stay.
func (s *Shm) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, o := range s.mu.objects {
		o.file.Close()
		delete(s.mu.objects, name)
	}
	return nil
}

// shmName checks a name: "." for the directory itself, or one element.
func shmName(name string) (string, error) {
	rel, err := relative(name)
	if err != nil {
		return "", err
	}
	if i := strings.IndexByte(rel, '/'); i >= 0 {
		return "", syscall.ENOENT
	}
	if len(rel) > NAME_MAX {
		return "", syscall.ENAMETOOLONG
	}
	return rel, nil
}

// Open implements FS.
func (s *Shm) Open(name string, flag int, perm uint32) (File, error) {
	f, err := s.open(name, flag, perm)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return f, nil
}

func (s *Shm) open(name string, flag int, perm uint32) (File, error) {
	rel, err := shmName(name)
	if err == nil {
		err = checkFlags(flag)
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if rel == "." {
		switch {
		case flag&(O_CREAT|O_EXCL) == O_CREAT|O_EXCL:
			return nil, syscall.EEXIST
		case writes(flag) || flag&O_CREAT != 0:
			return nil, syscall.EISDIR
		}
		return newListing(s.statDirLocked(), s.entriesLocked()), nil
	}
	o := s.mu.objects[rel]
	switch {
	case o == nil && flag&O_CREAT == 0:
		return nil, syscall.ENOENT
	case o == nil:
		if o, err = s.createLocked(rel, perm); err != nil {
			return nil, err
		}
	case flag&(O_CREAT|O_EXCL) == O_CREAT|O_EXCL:
		return nil, syscall.EEXIST
	case flag&O_DIRECTORY != 0:
		return nil, syscall.ENOTDIR
	}
	if flag&O_TRUNC != 0 {
		if err := o.file.Truncate(0); err != nil {
			return nil, err
		}
	}
	f, err := dupFile(o.file)
	if err != nil {
		return nil, err
	}
	return &shmFile{File: f, shm: s, object: o, access: flag & O_ACCMODE}, nil
}

func (s *Shm) createLocked(rel string, perm uint32) (*shmObject, error) {
	f, err := newAnonymous(rel)
	if err != nil {
		return nil, err
	}
	s.mu.lastIno++
	s.mu.mtime = time.Now()
	o := &shmObject{ino: s.mu.lastIno, mode: S_IFREG | perm&0o777, file: f}
	s.mu.objects[rel] = o
	return o, nil
}

func (s *Shm) statDirLocked() Stat {
	t := s.mu.mtime
	return Stat{
		Dev: s.dev, Ino: 1, Mode: S_IFDIR | S_ISVTX | 0o777, Nlink: 2, Blksize: 4096,
		Atime: t, Mtime: t, Ctime: t,
	}
}

func (s *Shm) entriesLocked() []DirEntry {
	list := make([]DirEntry, 0, len(s.mu.objects))
	for name, o := range s.mu.objects {
		list = append(list, DirEntry{Name: name, Ino: o.ino, Type: DT_REG})
	}
	slices.SortFunc(list, func(a, b DirEntry) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// describeLocked is the Stat of f as that of the object o.
func (s *Shm) describeLocked(o *shmObject, f File) (Stat, error) {
	st, err := f.Stat()
	if err != nil {
		return st, err
	}
	st.Dev, st.Ino, st.Mode, st.Nlink = s.dev, o.ino, o.mode, 0
	for _, other := range s.mu.objects {
		if other == o {
			st.Nlink++
		}
	}
	return st, nil
}

// Stat implements FS.
func (s *Shm) Stat(name string, _ bool) (Stat, error) {
	rel, err := shmName(name)
	if err != nil {
		return Stat{}, pathError("stat", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if rel == "." {
		return s.statDirLocked(), nil
	}
	o := s.mu.objects[rel]
	if o == nil {
		return Stat{}, pathError("stat", name, syscall.ENOENT)
	}
	st, err := s.describeLocked(o, o.file)
	return st, pathError("stat", name, err)
}

// Unlink implements FS.
func (s *Shm) Unlink(name string) error {
	return s.with("unlink", name, syscall.EISDIR, func(rel string, o *shmObject) error {
		delete(s.mu.objects, rel)
		s.mu.mtime = time.Now()
		return o.file.Close()
	})
}

// Chmod implements FS.
func (s *Shm) Chmod(name string, mode uint32) error {
	return s.with("chmod", name, syscall.EPERM, func(_ string, o *shmObject) error {
		o.mode = S_IFREG | mode&0o777
		return nil
	})
}

// Truncate implements FS.
func (s *Shm) Truncate(name string, size int64) error {
	return s.with("truncate", name, syscall.EISDIR, func(_ string, o *shmObject) error {
		return o.file.Truncate(size)
	})
}

// Rename implements FS.
func (s *Shm) Rename(old, new string) error {
	return s.with("rename", old, syscall.EBUSY, func(rel string, o *shmObject) error {
		to, err := shmName(new)
		if err != nil {
			return err
		}
		if to == "." {
			return syscall.EBUSY
		}
		if prior := s.mu.objects[to]; prior == o {
			return nil
		} else if prior != nil {
			prior.file.Close()
		}
		delete(s.mu.objects, rel)
		s.mu.objects[to] = o
		s.mu.mtime = time.Now()
		return nil
	})
}

// with runs call for the object of that name. onDir is the error of naming the
// directory.
func (s *Shm) with(op, name string, onDir error, call func(rel string, o *shmObject) error) error {
	rel, err := shmName(name)
	if err != nil {
		return pathError(op, name, err)
	}
	if rel == "." {
		return pathError(op, name, onDir)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.mu.objects[rel]
	if o == nil {
		return pathError(op, name, syscall.ENOENT)
	}
	return pathError(op, name, call(rel, o))
}

// Mkdir implements FS: objects lie in one directory.
func (s *Shm) Mkdir(name string, _ uint32) error { return pathError("mkdir", name, syscall.EPERM) }

// Rmdir implements FS.
func (s *Shm) Rmdir(name string) error {
	return s.with("rmdir", name, syscall.EBUSY, func(string, *shmObject) error { return syscall.ENOTDIR })
}

// Link implements FS: an object has one name.
func (s *Shm) Link(old, new string) error { return linkError("link", old, new, syscall.EPERM) }

// Symlink implements FS.
func (s *Shm) Symlink(_, name string) error { return pathError("symlink", name, syscall.EPERM) }

// Readlink implements FS.
func (s *Shm) Readlink(name string) (string, error) {
	if _, err := s.Stat(name, false); err != nil {
		return "", err
	}
	return "", pathError("readlink", name, syscall.EINVAL)
}

// Chtimes implements FS.
func (s *Shm) Chtimes(name string, _, _ time.Time) error {
	return pathError("chtimes", name, syscall.EPERM)
}

// A shmFile is an open object. It keeps to what it was opened for, as far as the
// calls made on it go.
type shmFile struct {
	File
	shm    *Shm
	object *shmObject
	access int
}

func (f *shmFile) Read(p []byte) (int, error) {
	if f.access == O_WRONLY {
		return 0, syscall.EBADF
	}
	return f.File.Read(p)
}

func (f *shmFile) Pread(p []byte, off int64) (int, error) {
	if f.access == O_WRONLY {
		return 0, syscall.EBADF
	}
	return f.File.Pread(p, off)
}

func (f *shmFile) Write(p []byte) (int, error) {
	if f.access == O_RDONLY {
		return 0, syscall.EBADF
	}
	return f.File.Write(p)
}

func (f *shmFile) Pwrite(p []byte, off int64) (int, error) {
	if f.access == O_RDONLY {
		return 0, syscall.EBADF
	}
	return f.File.Pwrite(p, off)
}

func (f *shmFile) Truncate(size int64) error {
	if f.access == O_RDONLY {
		return syscall.EINVAL
	}
	return f.File.Truncate(size)
}

func (f *shmFile) Allocate(off, n int64) error {
	if f.access == O_RDONLY {
		return syscall.EBADF
	}
	err := f.File.Allocate(off, n)
	if err != syscall.EOPNOTSUPP {
		return err
	}
	// macOS can reserve only behind the end. What is in front of it was reserved
	// when the object grew that far.
	st, err := f.File.Stat()
	if err != nil || off+n <= st.Size {
		return err
	}
	return f.File.Allocate(st.Size, off+n-st.Size)
}

func (f *shmFile) Sync(bool) error { return nil }

func (f *shmFile) Stat() (Stat, error) {
	f.shm.mu.Lock()
	defer f.shm.mu.Unlock()
	return f.shm.describeLocked(f.object, f.File)
}

func (f *shmFile) Chmod(mode uint32) error {
	f.shm.mu.Lock()
	defer f.shm.mu.Unlock()
	f.object.mode = S_IFREG | mode&0o777
	return nil
}

func (f *shmFile) ReadDir() ([]DirEntry, error) { return nil, syscall.ENOTDIR }
