package vfstest

import (
	"time"

	"nself.org/embeddedpg/internal/vfs"
)

// A Faulty is a test double: before every operation it asks Fail, and returns
// the error that Fail wants instead of doing anything. Open files have no host
// descriptor (Fd is -1), so that every operation comes here.
type Faulty struct {
	FS vfs.FS
	// Fail gets the operation, which is the method's name in lower case, with a
	// Sync of data only as "datasync", and the name as it was passed to FS: of Link
	// and Rename the old one, of a File what it was opened by. A nil result lets
	// the operation happen. It is called from many goroutines at once and must wrap
	// a syscall.Errno.
	Fail func(op, name string) error
	// Short, if not nil, says how many of the n bytes a "read", "write", "pread" or "pwrite" moves at most. Of
	// more than n, all are moved.
	Short func(op, name string, n int) int
}

// Open implements FS.
func (f *Faulty) Open(name string, flag int, perm uint32) (vfs.File, error) {
	if err := f.Fail("open", name); err != nil {
		return nil, err
	}
	file, err := f.FS.Open(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultyFile{file, f, name}, nil
}

// Stat implements FS.
func (f *Faulty) Stat(name string, follow bool) (vfs.Stat, error) {
	if err := f.Fail("stat", name); err != nil {
		return vfs.Stat{}, err
	}
	return f.FS.Stat(name, follow)
}

// Mkdir implements FS.
func (f *Faulty) Mkdir(name string, perm uint32) error {
	if err := f.Fail("mkdir", name); err != nil {
		return err
	}
	return f.FS.Mkdir(name, perm)
}

// Unlink implements FS.
func (f *Faulty) Unlink(name string) error {
	if err := f.Fail("unlink", name); err != nil {
		return err
	}
	return f.FS.Unlink(name)
}

// Rmdir implements FS.
func (f *Faulty) Rmdir(name string) error {
	if err := f.Fail("rmdir", name); err != nil {
		return err
	}
	return f.FS.Rmdir(name)
}

// Rename implements FS.
func (f *Faulty) Rename(old, new string) error {
	if err := f.Fail("rename", old); err != nil {
		return err
	}
	return f.FS.Rename(old, new)
}

// Link implements FS.
func (f *Faulty) Link(old, new string) error {
	if err := f.Fail("link", old); err != nil {
		return err
	}
	return f.FS.Link(old, new)
}

// Symlink implements FS.
func (f *Faulty) Symlink(target, name string) error {
	if err := f.Fail("symlink", name); err != nil {
		return err
	}
	return f.FS.Symlink(target, name)
}

// Readlink implements FS.
func (f *Faulty) Readlink(name string) (string, error) {
	if err := f.Fail("readlink", name); err != nil {
		return "", err
	}
	return f.FS.Readlink(name)
}

// Chmod implements FS.
func (f *Faulty) Chmod(name string, mode uint32) error {
	if err := f.Fail("chmod", name); err != nil {
		return err
	}
	return f.FS.Chmod(name, mode)
}

// Truncate implements FS.
func (f *Faulty) Truncate(name string, size int64) error {
	if err := f.Fail("truncate", name); err != nil {
		return err
	}
	return f.FS.Truncate(name, size)
}

// Chtimes implements FS.
func (f *Faulty) Chtimes(name string, atime, mtime time.Time) error {
	if err := f.Fail("chtimes", name); err != nil {
		return err
	}
	return f.FS.Chtimes(name, atime, mtime)
}

// short cuts a buffer to what Short lets through.
func (f *Faulty) short(op, name string, p []byte) []byte {
	if f.Short == nil {
		return p
	}
	return p[:min(max(f.Short(op, name, len(p)), 0), len(p))]
}

type faultyFile struct {
	file   vfs.File
	faulty *Faulty
	name   string
}

func (f *faultyFile) Read(p []byte) (int, error) {
	if err := f.faulty.Fail("read", f.name); err != nil {
		return 0, err
	}
	return f.file.Read(f.faulty.short("read", f.name, p))
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.faulty.Fail("write", f.name); err != nil {
		return 0, err
	}
	return f.file.Write(f.faulty.short("write", f.name, p))
}

func (f *faultyFile) Pread(p []byte, off int64) (int, error) {
	if err := f.faulty.Fail("pread", f.name); err != nil {
		return 0, err
	}
	return f.file.Pread(f.faulty.short("pread", f.name, p), off)
}

func (f *faultyFile) Pwrite(p []byte, off int64) (int, error) {
	if err := f.faulty.Fail("pwrite", f.name); err != nil {
		return 0, err
	}
	return f.file.Pwrite(f.faulty.short("pwrite", f.name, p), off)
}

func (f *faultyFile) Seek(off int64, whence int) (int64, error) {
	if err := f.faulty.Fail("seek", f.name); err != nil {
		return 0, err
	}
	return f.file.Seek(off, whence)
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.faulty.Fail("truncate", f.name); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

func (f *faultyFile) Allocate(off, n int64) error {
	if err := f.faulty.Fail("allocate", f.name); err != nil {
		return err
	}
	return f.file.Allocate(off, n)
}

func (f *faultyFile) Sync(dataOnly bool) error {
	op := "sync"
	if dataOnly {
		op = "datasync"
	}
	if err := f.faulty.Fail(op, f.name); err != nil {
		return err
	}
	return f.file.Sync(dataOnly)
}

func (f *faultyFile) Stat() (vfs.Stat, error) {
	if err := f.faulty.Fail("stat", f.name); err != nil {
		return vfs.Stat{}, err
	}
	return f.file.Stat()
}

func (f *faultyFile) Chmod(mode uint32) error {
	if err := f.faulty.Fail("chmod", f.name); err != nil {
		return err
	}
	return f.file.Chmod(mode)
}

func (f *faultyFile) ReadDir() ([]vfs.DirEntry, error) {
	if err := f.faulty.Fail("readdir", f.name); err != nil {
		return nil, err
	}
	return f.file.ReadDir()
}

func (f *faultyFile) Fd() int { return -1 }

// Close closes the file also when Fail wants an error: there is no second try.
func (f *faultyFile) Close() error {
	wanted := f.faulty.Fail("close", f.name)
	if err := f.file.Close(); wanted == nil {
		return err
	}
	return wanted
}
