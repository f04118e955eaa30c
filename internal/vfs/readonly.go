package vfs

import (
	"syscall"
	"time"
)

// readOnly has the changing calls of a file system that never changes.
type readOnly struct{}

func (readOnly) Mkdir(name string, _ uint32) error { return pathError("mkdir", name, syscall.EROFS) }

func (readOnly) Unlink(name string) error { return pathError("unlink", name, syscall.EROFS) }

func (readOnly) Rmdir(name string) error { return pathError("rmdir", name, syscall.EROFS) }

func (readOnly) Rename(old, new string) error {
	return linkError("rename", old, new, syscall.EROFS)
}

func (readOnly) Link(old, new string) error { return linkError("link", old, new, syscall.EROFS) }

func (readOnly) Symlink(_, name string) error { return pathError("symlink", name, syscall.EROFS) }

func (readOnly) Chmod(name string, _ uint32) error { return pathError("chmod", name, syscall.EROFS) }

func (readOnly) Truncate(name string, _ int64) error {
	return pathError("truncate", name, syscall.EROFS)
}

func (readOnly) Chtimes(name string, _, _ time.Time) error {
	return pathError("chtimes", name, syscall.EROFS)
}
