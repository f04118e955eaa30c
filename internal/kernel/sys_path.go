package kernel

// Calls that take a path. A path is made absolute and clean by its text before the file tree is
// asked, so `..` cannot climb out of the tree; where it leads on the host is package vfs's care.

import (
	"path"
	"time"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

// lookup makes the absolute, clean guest path of a path argument. `..` is resolved by name, before the file
// tree is asked, so it cannot climb out of it.
func (p *Process) lookup(dirfd int32, addr int32) (string, abi.Errno) {
	name, e := p.mem.str(uint32(addr), abi.PATH_MAX)
	if e != 0 {
		return "", e
	}
	return p.resolve(dirfd, name)
}

func (p *Process) resolve(dirfd int32, name string) (string, abi.Errno) {
	if name == "" {
		return "", abi.ENOENT
	}
	if path.IsAbs(name) {
		return path.Clean(name), 0
	}
	if dirfd == abi.AT_FDCWD {
		return path.Join(p.cwd, name), 0
	}
	f := p.file(dirfd)
	if f == nil {
		return "", abi.EBADF
	}
	d, ok := f.object.(*disk)
	if !ok || !d.dir {
		return "", abi.ENOTDIR
	}
	return path.Join(d.path, name), 0
}

func (p *Process) openat(a *[6]int32) (int32, abi.Errno) {
	name, e := p.lookup(a[0], a[1])
	if e != 0 {
		return 0, e
	}
	flag := uint32(a[2])
	file, err := p.openFile(name, int(flag&^vfs.O_CLOEXEC), uint32(a[3])&^p.umask&0o7777)
	if err != nil {
		return 0, errnoOf(err)
	}
	if p.k.scarce(file.Fd()) && p.hoards() {
		file.Close()
		return 0, abi.EMFILE
	}
	st, err := file.Stat()
	if err != nil {
		file.Close()
		return 0, errnoOf(err)
	}
	d := &disk{file: file, path: name, dir: st.Mode&vfs.S_IFMT == vfs.S_IFDIR}
	const kept = vfs.O_ACCMODE | vfs.O_APPEND | vfs.O_NONBLOCK
	return p.install(newOpenFile(d, flag&kept), flag&vfs.O_CLOEXEC != 0, 0)
}

// openFile opens a file as the process sees it.
func (p *Process) openFile(name string, flag int, perm uint32) (vfs.File, error) {
	if p.view != nil {
		if f, err := p.view(name, flag); f != nil || err != nil {
			return f, err
		}
	}
	return p.k.cfg.FS.Open(name, flag, perm)
}

// statx(dirfd, path, flags, mask, out) serves every form of stat.
func (p *Process) statx(a *[6]int32) (int32, abi.Errno) {
	out, ok := p.mem.bytes(uint32(a[4]), abi.SizeofStatx)
	if !ok {
		return 0, abi.EFAULT
	}
	name, e := p.mem.str(uint32(a[1]), abi.PATH_MAX)
	if e != 0 {
		return 0, e
	}
	var st vfs.Stat
	if name == "" && a[2]&abi.AT_EMPTY_PATH != 0 {
		f := p.file(a[0])
		if f == nil {
			return 0, abi.EBADF
		}
		if st, e = f.object.stat(); e != 0 {
			return 0, e
		}
	} else {
		if name, e = p.resolve(a[0], name); e != 0 {
			return 0, e
		}
		var err error
		if st, err = p.k.cfg.FS.Stat(name, a[2]&abi.AT_SYMLINK_NOFOLLOW == 0); err != nil {
			return 0, errnoOf(err)
		}
	}
	p.putStatx(out, &st)
	return 0, 0
}

// putStatx writes struct statx of <linux/stat.h>. Files belong to the one user there is, whoever owns them on
// the host: PostgreSQL insists on owning its data directory.
func (p *Process) putStatx(b []byte, st *vfs.Stat) {
	clear(b)
	put32(b, abi.OffStatxMask, abi.STATX_BASIC_STATS)
	putU32(b, abi.OffStatxBlksize, st.Blksize)
	putU32(b, abi.OffStatxNlink, st.Nlink)
	putU32(b, abi.OffStatxUid, uint32(p.k.cfg.UID))
	putU32(b, abi.OffStatxGid, uint32(p.k.cfg.UID))
	put16(b, abi.OffStatxMode, uint16(st.Mode))
	put64(b, abi.OffStatxIno, int64(st.Ino))
	put64(b, abi.OffStatxSize, st.Size)
	put64(b, abi.OffStatxBlocks, st.Blocks)
	putTime(b[abi.OffStatxAtime:], st.Atime)
	putTime(b[abi.OffStatxMtime:], st.Mtime)
	putTime(b[abi.OffStatxCtime:], st.Ctime)
	putU32(b, abi.OffStatxRdevMajor, uint32(st.Rdev>>8)&0xfff)
	putU32(b, abi.OffStatxRdevMinor, uint32(st.Rdev)&0xff)
	putU32(b, abi.OffStatxDevMajor, uint32(st.Dev>>8)&0xfff)
	putU32(b, abi.OffStatxDevMinor, uint32(st.Dev)&0xff)
}

// putTime writes struct statx_timestamp.
func putTime(b []byte, t time.Time) {
	if t.IsZero() {
		return
	}
	put64(b, abi.OffStatxTimestampSec, t.Unix())
	put32(b, abi.OffStatxTimestampNsec, int32(t.Nanosecond()))
}

// faccessat tells whether the file exists and, for writing, whether its mode lets anybody write it; the host
// has the last word when it is opened.
func (p *Process) faccessat(a *[6]int32) (int32, abi.Errno) {
	name, e := p.lookup(a[0], a[1])
	if e != 0 {
		return 0, e
	}
	st, err := p.k.cfg.FS.Stat(name, true)
	if err != nil {
		return 0, errnoOf(err)
	}
	if a[2]&abi.W_OK != 0 && st.Mode&0o222 == 0 || a[2]&abi.X_OK != 0 && st.Mode&0o111 == 0 {
		return 0, abi.EACCES
	}
	return 0, 0
}

// changed makes a system call's result of an attempt to change the existing file name. That a file is missing
// comes before that its file system is read-only.
func (p *Process) changed(name string, err error) (int32, abi.Errno) {
	if err == nil {
		return 0, 0
	}
	e := errnoOf(err)
	if e == abi.EROFS {
		if _, err := p.k.cfg.FS.Stat(name, false); err != nil {
			return 0, errnoOf(err)
		}
	}
	return 0, e
}

func (p *Process) mkdirat(a *[6]int32) (int32, abi.Errno) {
	name, e := p.lookup(a[0], a[1])
	if e != 0 {
		return 0, e
	}
	return zero(p.k.cfg.FS.Mkdir(name, uint32(a[2])&^p.umask&0o7777))
}

func (p *Process) unlinkat(a *[6]int32) (int32, abi.Errno) {
	name, e := p.lookup(a[0], a[1])
	if e != 0 {
		return 0, e
	}
	if a[2]&abi.AT_REMOVEDIR != 0 {
		return p.changed(name, p.k.cfg.FS.Rmdir(name))
	}
	return p.changed(name, p.k.cfg.FS.Unlink(name))
}

func (p *Process) renameat2(a *[6]int32) (int32, abi.Errno) {
	from, e := p.lookup(a[0], a[1])
	if e != 0 {
		return 0, e
	}
	to, e := p.lookup(a[2], a[3])
	if e != 0 {
		return 0, e
	}
	if a[4] != 0 { // RENAME_NOREPLACE and RENAME_EXCHANGE: PostgreSQL falls back to link and unlink
		return 0, abi.EINVAL
	}
	return p.changed(from, p.k.cfg.FS.Rename(from, to))
}

func (p *Process) linkat(a *[6]int32) (int32, abi.Errno) {
	from, e := p.lookup(a[0], a[1])
	if e != 0 {
		return 0, e
	}
	to, e := p.lookup(a[2], a[3])
	if e != 0 {
		return 0, e
	}
	return p.changed(from, p.k.cfg.FS.Link(from, to))
}

func (p *Process) symlinkat(a *[6]int32) (int32, abi.Errno) {
	target, e := p.mem.str(uint32(a[0]), abi.PATH_MAX)
	if e != 0 {
		return 0, e
	}
	name, e := p.lookup(a[1], a[2])
	if e != 0 {
		return 0, e
	}
	return zero(p.k.cfg.FS.Symlink(target, name))
}

func (p *Process) readlinkat(a *[6]int32) (int32, abi.Errno) {
	name, e := p.lookup(a[0], a[1])
	if e != 0 {
		return 0, e
	}
	out, ok := p.mem.bytes(uint32(a[2]), uint32(a[3]))
	if !ok {
		return 0, abi.EFAULT
	}
	target, err := p.k.cfg.FS.Readlink(name)
	if err != nil {
		return 0, errnoOf(err)
	}
	return int32(copy(out, target)), 0
}

func (p *Process) fchmodat(a *[6]int32) (int32, abi.Errno) {
	name, e := p.lookup(a[0], a[1])
	if e != 0 {
		return 0, e
	}
	return p.changed(name, p.k.cfg.FS.Chmod(name, uint32(a[2])&0o7777))
}

func (p *Process) fchmod(a *[6]int32) (int32, abi.Errno) {
	f := p.file(a[0])
	if f == nil {
		return 0, abi.EBADF
	}
	d, ok := f.object.(*disk)
	if !ok {
		return 0, abi.EINVAL
	}
	return zero(d.file.Chmod(uint32(a[1]) & 0o7777))
}

// truncate64(path, low, high)
func (p *Process) truncate(a *[6]int32) (int32, abi.Errno) {
	name, e := p.lookup(abi.AT_FDCWD, a[0])
	if e != 0 {
		return 0, e
	}
	return p.changed(name, p.k.cfg.FS.Truncate(name, long(a[1], a[2])))
}

// utimensat(dirfd, path, times[2] or 0, flags)
func (p *Process) utimensat(a *[6]int32) (int32, abi.Errno) {
	name, e := p.lookup(a[0], a[1])
	if e != 0 {
		return 0, e
	}
	times := [2]time.Time{time.Now(), time.Now()}
	if a[2] != 0 {
		b, ok := p.mem.bytes(uint32(a[2]), 2*abi.SizeofTimespec)
		if !ok {
			return 0, abi.EFAULT
		}
		for i := range times {
			switch nsec := i32(b, i*abi.SizeofTimespec+abi.OffTimespecNsec); nsec {
			case abi.UTIME_NOW:
			case abi.UTIME_OMIT:
				times[i] = time.Time{}
			default:
				times[i] = time.Unix(i64(b, i*abi.SizeofTimespec+abi.OffTimespecSec), int64(nsec))
			}
		}
	}
	return p.changed(name, p.k.cfg.FS.Chtimes(name, times[0], times[1]))
}

func (p *Process) getcwd(a *[6]int32) (int32, abi.Errno) {
	out, ok := p.mem.bytes(uint32(a[0]), uint32(a[1]))
	if !ok {
		return 0, abi.EFAULT
	}
	if len(out) < len(p.cwd)+1 {
		return 0, abi.ERANGE
	}
	copy(out, p.cwd+"\x00")
	return int32(len(p.cwd) + 1), 0
}

func (p *Process) chdir(a *[6]int32) (int32, abi.Errno) {
	name, e := p.lookup(abi.AT_FDCWD, a[0])
	if e != 0 {
		return 0, e
	}
	st, err := p.k.cfg.FS.Stat(name, true)
	if err != nil {
		return 0, errnoOf(err)
	}
	if st.Mode&vfs.S_IFMT != vfs.S_IFDIR {
		return 0, abi.ENOTDIR
	}
	p.cwd = name
	return 0, 0
}

func (p *Process) setUmask(a *[6]int32) (int32, abi.Errno) {
	old := p.umask
	p.umask = uint32(a[0]) & 0o777
	return int32(old), 0
}
