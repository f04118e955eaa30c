// Package vfs holds what a guest sees as files: a rooted host directory, a
// read-only image, memory, shared memory objects, a few devices, and the mount
// table that joins them into one tree. Test doubles are in package vfstest.
//
// It owns path confinement and the translation of flags and error numbers
// between Linux, which every guest believes to be on, and the host. It knows
// nothing of descriptors, processes or system calls: those are package kernel.
//
// Rules shared by every [FS] of this package:
//
//   - Names are slash-separated and absolute within the file system. A name
//     that is not clean is cleaned lexically first, so ".." never climbs above
//     the root, whatever it stands behind.
//   - Symbolic links are relative. Creating an absolute one, or one that climbs
//     above the root, is EPERM; following one that was planted is EACCES.
//   - There is one user, so modes are kept and shown but not enforced by the
//     file systems that live in memory.
//   - Errors wrap a syscall.Errno of the host; [Errno] turns any of them into
//     the Linux number a guest is told.
//
// Every FS may be used by many goroutines at once. So may a File, with one
// exception: Close must not run beside another call on the same File.
//
// Locks are leaves: no method calls into another file system while it holds one.
package vfs

import "time"

// An FS is one tree of files.
type FS interface {
	// Open opens a file or a directory. perm counts only if the file is created.
	Open(name string, flag int, perm uint32) (File, error)
	// Stat describes name, or with follow what the symbolic link name leads to.
	Stat(name string, follow bool) (Stat, error)
	Mkdir(name string, perm uint32) error
	// Unlink removes a file or a symbolic link, not a directory (EISDIR).
	Unlink(name string) error
	Rmdir(name string) error
	// Rename replaces new if it exists. Across mounts it is EXDEV.
	Rename(old, new string) error
	// Link gives the file old a second name. It does not follow a symbolic link.
	Link(old, new string) error
	Symlink(target, name string) error
	Readlink(name string) (string, error)
	Chmod(name string, mode uint32) error
	Truncate(name string, size int64) error
	// Chtimes sets the two times; a zero time.Time leaves that one as it is.
	Chtimes(name string, atime, mtime time.Time) error
}

// A File is an open file or directory with an offset of its own.
type File interface {
	// Read reads at the file's own offset. 0 and nil is the end of the file;
	// io.EOF is never returned.
	Read(p []byte) (int, error)
	// Write may write less than p without an error, as write(2) may.
	Write(p []byte) (int, error)
	Pread(p []byte, off int64) (int, error)
	Pwrite(p []byte, off int64) (int, error)
	// Seek takes SEEK_SET, SEEK_CUR or SEEK_END. On a directory only offset 0 of
	// SEEK_SET has a meaning: ReadDir starts anew.
	Seek(off int64, whence int) (int64, error)
	Truncate(size int64) error
	// Allocate is posix_fallocate: afterwards bytes off to off+n exist and writing
	// them cannot run out of space. EOPNOTSUPP where the host cannot promise it.
	Allocate(off, n int64) error
	// Sync returns once the file is on stable storage. With dataOnly, times may
	// be left behind (fdatasync).
	Sync(dataOnly bool) error
	Stat() (Stat, error)
	Chmod(mode uint32) error
	// ReadDir returns, from the current position, all that is left of a directory,
	// without "." and "..".
	ReadDir() ([]DirEntry, error)
	// Fd is a host descriptor, in blocking mode, that behaves as this file does for
	// read, write, pread, pwrite, lseek, fsync and mmap; or -1. It stays the File's.
	Fd() int
	Close() error
}

// A Stat describes a file. The Mode is Linux's: type and permissions, such as
// S_IFREG|0o600. Size is in bytes, Blocks in units of 512.
type Stat struct {
	Dev, Ino            uint64
	Mode                uint32
	Nlink               uint32
	Size, Blocks        int64
	Blksize             uint32
	Atime, Mtime, Ctime time.Time
	Rdev                uint64
}

// IsDir reports whether the file is a directory.
func (s *Stat) IsDir() bool { return s.Mode&S_IFMT == S_IFDIR }

// IsRegular reports whether the file is a regular file.
func (s *Stat) IsRegular() bool { return s.Mode&S_IFMT == S_IFREG }

// A DirEntry is a name in a directory. The Type is DT_REG, DT_DIR and so on.
type DirEntry struct {
	Name string
	Ino  uint64
	Type uint8
}
