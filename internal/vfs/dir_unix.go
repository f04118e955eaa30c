//go:build linux || darwin

package vfs

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Dir is a directory of the host as the root of a file system. Nothing
// outside of it can be reached by name: not by "..", and not by a symbolic link,
// however deep, and whether it was there before or is put there in mid-call by
// another process. Relative links that stay inside work.
//
// Special files (FIFOs, sockets, device nodes) can be seen, renamed and removed
// but not opened: EACCES. Modes with the set-user-ID or set-group-ID bit are
// EPERM. The umask of the host process applies.
//
// A hard link to a file outside, or a mount inside the directory, cannot be told
// from a file that belongs here; only who can write to the directory from
// outside can put one there.
type Dir struct {
	opener
	root     *os.Root
	rootFd   int
	readOnly bool
}

// An opener opens names beneath a root. Both implementations refuse to leave it
// with EACCES.
type opener interface {
	// open is openat with flags of the host, relative to the root.
	open(rel string, flags int, perm uint32) (int, error)
	// parent opens the directory of rel, for calls on its last element.
	parent(rel string) (place, error)
	// stat describes what rel leads to.
	stat(rel string, follow bool) (unix.Stat_t, error)
}

// NewDir opens a directory of the host. Close releases it.
func NewDir(hostPath string, opts DirOptions) (*Dir, error) {
	root, err := os.OpenRoot(hostPath)
	if err != nil {
		// Of a file its error has no errno.
		if info, e := os.Stat(hostPath); e == nil && !info.IsDir() {
			err = syscall.ENOTDIR
		}
		return nil, fmt.Errorf("open root directory %s: %w", hostPath, err)
	}
	d := &Dir{root: root, readOnly: opts.ReadOnly}
	f, err := root.Open(".")
	if err == nil {
		d.rootFd, err = dupFd(f)
		f.Close()
	}
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("open root directory %s: %w", hostPath, err)
	}
	d.opener = rootOpener{root, d.rootFd}
	if !opts.Portable {
		d.opener = fastOpener(d.opener, d.rootFd)
	}
	return d, nil
}

// Close releases the directory. Files that are open stay so. No other call may
// be under way.
func (d *Dir) Close() error { return errors.Join(d.root.Close(), closeFd(d.rootFd)) }

// Open implements FS.
func (d *Dir) Open(name string, flag int, perm uint32) (File, error) {
	fd, err := d.openFile(name, flag, perm)
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return newHostFile(fd, d.readOnly), nil
}

func (d *Dir) openFile(name string, flag int, perm uint32) (int, error) {
	rel, err := relative(name)
	if err != nil {
		return -1, err
	}
	flags, err := hostFlags(flag)
	if err != nil {
		return -1, err
	}
	if flag&O_CREAT != 0 {
		if err := checkMode(perm); err != nil {
			return -1, err
		}
	}
	if d.readOnly && flag&O_CREAT != 0 || d.readOnly && writes(flag) {
		if flags, err = d.readOnlyFlags(rel, flag, flags); err != nil {
			return -1, err
		}
	}
	if flag&O_DIRECTORY == 0 && flag&(O_CREAT|O_EXCL) != O_CREAT|O_EXCL {
		if err := d.refuseSpecial(rel, flag); err != nil {
			return -1, err
		}
	}
	if flags&unix.O_CREAT == 0 {
		perm = 0 // openat2 refuses another
	}
	// O_NONBLOCK: should a FIFO or a device have been put there since, open
	// returns at once and the check below refuses it.
	fd, err := d.open(rel, flags|unix.O_NONBLOCK, perm&0o7777)
	if err != nil {
		return -1, err
	}
	if err := d.adopt(fd, flag, flags); err != nil {
		closeFd(fd)
		return -1, err
	}
	return fd, nil
}

// readOnlyFlags says what a read-only file system says of an open that would
// change something, or takes O_CREAT away from one that would not.
func (d *Dir) readOnlyFlags(rel string, flag, flags int) (int, error) {
	_, err := d.stat(rel, flag&O_NOFOLLOW == 0)
	switch {
	case err == unix.ENOENT && flag&O_CREAT != 0:
		return 0, syscall.EROFS
	case err != nil:
		return 0, err
	case flag&(O_CREAT|O_EXCL) == O_CREAT|O_EXCL:
		return 0, syscall.EEXIST
	case writes(flag):
		return 0, syscall.EROFS
	}
	return flags &^ unix.O_CREAT, nil
}

// refuseSpecial looks before opening, as opening some devices acts on them. It
// only refuses: whatever else it finds is for open to tell.
func (d *Dir) refuseSpecial(rel string, flag int) error {
	st, err := place{dir: d.rootFd, base: rel}.lstat()
	if err == nil && uint32(st.Mode)&S_IFMT == S_IFLNK && flag&O_NOFOLLOW == 0 {
		st, err = d.stat(rel, true)
	}
	if err != nil || uint32(st.Mode)&S_IFMT == S_IFLNK {
		return nil
	}
	return checkType(&st)
}

// adopt checks what was opened and makes its descriptor an ordinary one.
func (d *Dir) adopt(fd, flag, flags int) error {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return err
	}
	if err := checkType(&st); err != nil {
		return err
	}
	if uint32(st.Mode)&S_IFMT == S_IFDIR {
		return nil
	}
	if err := setBlocking(fd, flags); err != nil {
		return err
	}
	return afterOpen(fd, flag)
}

// checkType lets regular files and directories be opened, nothing else.
func checkType(st *unix.Stat_t) error {
	if t := uint32(st.Mode) & S_IFMT; t != S_IFREG && t != S_IFDIR {
		return syscall.EACCES
	}
	return nil
}

// Stat implements FS.
func (d *Dir) Stat(name string, follow bool) (Stat, error) {
	rel, err := relative(name)
	if err != nil {
		return Stat{}, pathError("stat", name, err)
	}
	st, err := d.stat(rel, follow)
	if err != nil {
		return Stat{}, pathError("stat", name, err)
	}
	return statOf(&st), nil
}

// Mkdir implements FS.
func (d *Dir) Mkdir(name string, perm uint32) error {
	return d.change("mkdir", name, syscall.EEXIST, func(p place) error {
		if err := checkMode(perm); err != nil {
			return err
		}
		return p.mkdir(perm & 0o7777)
	})
}

// Unlink implements FS.
func (d *Dir) Unlink(name string) error {
	return d.change("unlink", name, syscall.EISDIR, place.unlink)
}

// Rmdir implements FS.
func (d *Dir) Rmdir(name string) error {
	return d.change("rmdir", name, syscall.EBUSY, place.rmdir)
}

// Rename implements FS.
func (d *Dir) Rename(old, new string) error {
	return linkError("rename", old, new, d.change2(old, new, syscall.EBUSY, place.rename))
}

// Link implements FS.
func (d *Dir) Link(old, new string) error {
	return linkError("link", old, new, d.change2(old, new, syscall.EPERM, place.link))
}

// Symlink implements FS. A target that leaves the root is EPERM.
func (d *Dir) Symlink(target, name string) error {
	return d.change("symlink", name, syscall.EEXIST, func(p place) error {
		rel, err := relative(name)
		if err == nil {
			err = checkTarget(target, rel)
		}
		if err != nil {
			return err
		}
		return p.symlink(target)
	})
}

// Readlink implements FS.
func (d *Dir) Readlink(name string) (string, error) {
	rel, err := relative(name)
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	if rel == "." {
		return "", pathError("readlink", name, syscall.EINVAL)
	}
	p, err := d.parent(rel)
	if err != nil {
		return "", pathError("readlink", name, err)
	}
	defer p.close()
	target, err := p.readlink()
	return target, pathError("readlink", name, err)
}

// Chmod implements FS.
func (d *Dir) Chmod(name string, mode uint32) error {
	return d.byRoot("chmod", name, func(rel string) error {
		if err := checkMode(mode); err != nil {
			return err
		}
		return d.root.Chmod(rel, fileMode(mode))
	})
}

// Truncate implements FS.
func (d *Dir) Truncate(name string, size int64) error {
	fd, err := d.openFile(name, O_WRONLY, 0)
	if err != nil {
		return pathError("truncate", name, err)
	}
	defer closeFd(fd)
	return pathError("truncate", name, retry(func() error { return unix.Ftruncate(fd, size) }))
}

// Chtimes implements FS.
func (d *Dir) Chtimes(name string, atime, mtime time.Time) error {
	return d.byRoot("chtimes", name, func(rel string) error {
		return d.root.Chtimes(rel, atime, mtime)
	})
}

// change runs a call that adds or removes the name. onRoot is the error of doing
// so to the root itself.
func (d *Dir) change(op, name string, onRoot error, call func(place) error) error {
	rel, err := relative(name)
	switch {
	case err != nil:
	case d.readOnly:
		err = syscall.EROFS
	case rel == ".":
		err = onRoot
	default:
		var p place
		if p, err = d.parent(rel); err == nil {
			err = call(p)
			p.close()
		}
	}
	return pathError(op, name, err)
}

func (d *Dir) change2(old, new string, onRoot error, call func(old, new place) error) error {
	from, err := relative(old)
	if err != nil {
		return err
	}
	to, err := relative(new)
	switch {
	case err != nil:
		return err
	case d.readOnly:
		return syscall.EROFS
	case from == ".", to == ".":
		return onRoot
	}
	p, err := d.parent(from)
	if err != nil {
		return err
	}
	defer p.close()
	q, err := d.parent(to)
	if err != nil {
		return err
	}
	defer q.close()
	return call(p, q)
}

// byRoot runs a rare call by os.Root, which knows for each host how to act on a
// name without following links out.
func (d *Dir) byRoot(op, name string, call func(rel string) error) error {
	rel, err := relative(name)
	switch {
	case err != nil:
	case d.readOnly:
		err = syscall.EROFS
	default:
		err = rootErrno(call(rel))
	}
	return pathError(op, name, err)
}
