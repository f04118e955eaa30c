package kernel

import (
	"path"
	"time"

	"nself.org/embeddedpg/internal/vfs"
)

// Flags of the *at calls, from Linux's <linux/fcntl.h>.
const (
	atFdcwd           = -100
	atSymlinkNofollow = 0x100
	atRemovedir       = 0x200
	atEmptyPath       = 0x1000
)

// lookup makes the absolute, clean guest path of a path argument. `..` is resolved by name, before the file
// tree is asked, so it cannot climb out of it.
func (p *Process) lookup(dirfd int32, addr int32) (string, int32) {
	name, e := p.mem.str(uint32(addr), maxPath)
	if e != 0 {
		return "", e
	}
	return p.resolve(dirfd, name)
}

func (p *Process) resolve(dirfd int32, name string) (string, int32) {
	if name == "" {
		return "", ENOENT
	}
	if path.IsAbs(name) {
		return path.Clean(name), 0
	}
	if dirfd == atFdcwd {
		return path.Join(p.cwd, name), 0
	}
	f := p.file(dirfd)
	if f == nil {
		return "", EBADF
	}
	d, ok := f.object.(*disk)
	if !ok || !d.dir {
		return "", ENOTDIR
	}
	return path.Join(d.path, name), 0
}

func (p *Process) openat(a *[6]int32) int32 {
	name, e := p.lookup(a[0], a[1])
	if e != 0 {
		return -e
	}
	flag := uint32(a[2])
	file, err := p.k.cfg.FS.Open(name, int(flag&^vfs.O_CLOEXEC), uint32(a[3])&^p.umask&0o7777)
	if err != nil {
		return -errnoOf(err)
	}
	if p.k.scarce(file.Fd()) && p.hoards() {
		file.Close()
		return -EMFILE
	}
	st, err := file.Stat()
	if err != nil {
		file.Close()
		return -errnoOf(err)
	}
	d := &disk{file: file, path: name, dir: st.Mode&vfs.S_IFMT == vfs.S_IFDIR}
	const kept = vfs.O_ACCMODE | vfs.O_APPEND | vfs.O_NONBLOCK
	return p.install(newOpenFile(d, flag&kept), flag&vfs.O_CLOEXEC != 0, 0)
}

// statx(dirfd, path, flags, mask, out) serves every form of stat.
func (p *Process) statx(a *[6]int32) int32 {
	out, ok := p.mem.bytes(uint32(a[4]), sizeofStatx)
	if !ok {
		return -EFAULT
	}
	name, e := p.mem.str(uint32(a[1]), maxPath)
	if e != 0 {
		return -e
	}
	var st vfs.Stat
	if name == "" && a[2]&atEmptyPath != 0 {
		f := p.file(a[0])
		if f == nil {
			return -EBADF
		}
		if st, e = f.object.stat(); e != 0 {
			return -e
		}
	} else {
		if name, e = p.resolve(a[0], name); e != 0 {
			return -e
		}
		var err error
		if st, err = p.k.cfg.FS.Stat(name, a[2]&atSymlinkNofollow == 0); err != nil {
			return -errnoOf(err)
		}
	}
	p.putStatx(out, &st)
	return 0
}

// putStatx writes struct statx of <linux/stat.h>. Files belong to the one user there is, whoever owns them on
// the host: PostgreSQL insists on owning its data directory.
func (p *Process) putStatx(b []byte, st *vfs.Stat) {
	const basicStats = 0x7ff // STATX_BASIC_STATS
	clear(b)
	put32(b, offStatxMask, basicStats)
	putU32(b, offStatxBlksize, st.Blksize)
	putU32(b, offStatxNlink, st.Nlink)
	putU32(b, offStatxUid, uint32(p.k.cfg.UID))
	putU32(b, offStatxGid, uint32(p.k.cfg.UID))
	put16(b, offStatxMode, uint16(st.Mode))
	put64(b, offStatxIno, int64(st.Ino))
	put64(b, offStatxSize, st.Size)
	put64(b, offStatxBlocks, st.Blocks)
	putTime(b[offStatxAtime:], st.Atime)
	putTime(b[offStatxMtime:], st.Mtime)
	putTime(b[offStatxCtime:], st.Ctime)
	putU32(b, offStatxRdevMajor, uint32(st.Rdev>>8)&0xfff)
	putU32(b, offStatxRdevMinor, uint32(st.Rdev)&0xff)
	putU32(b, offStatxDevMajor, uint32(st.Dev>>8)&0xfff)
	putU32(b, offStatxDevMinor, uint32(st.Dev)&0xff)
}

// putTime writes struct statx_timestamp {i64 seconds, u32 nanoseconds}.
func putTime(b []byte, t time.Time) {
	if t.IsZero() {
		return
	}
	put64(b, 0, t.Unix())
	put32(b, 8, int32(t.Nanosecond()))
}

// faccessat tells whether the file exists and, for writing, whether its mode lets anybody write it; the host
// has the last word when it is opened.
func (p *Process) faccessat(a *[6]int32) int32 {
	const xOK, wOK = 1, 2
	name, e := p.lookup(a[0], a[1])
	if e != 0 {
		return -e
	}
	st, err := p.k.cfg.FS.Stat(name, true)
	if err != nil {
		return -errnoOf(err)
	}
	if a[2]&wOK != 0 && st.Mode&0o222 == 0 || a[2]&xOK != 0 && st.Mode&0o111 == 0 {
		return -EACCES
	}
	return 0
}

// changed makes a system call's result of an attempt to change the existing file name. That a file is missing
// comes before that its file system is read-only.
func (p *Process) changed(name string, err error) int32 {
	e := zero(err)
	if e == -EROFS {
		if _, err := p.k.cfg.FS.Stat(name, false); err != nil {
			return -errnoOf(err)
		}
	}
	return e
}

func (p *Process) mkdirat(a *[6]int32) int32 {
	name, e := p.lookup(a[0], a[1])
	if e != 0 {
		return -e
	}
	return zero(p.k.cfg.FS.Mkdir(name, uint32(a[2])&^p.umask&0o7777))
}

func (p *Process) unlinkat(a *[6]int32) int32 {
	name, e := p.lookup(a[0], a[1])
	if e != 0 {
		return -e
	}
	if a[2]&atRemovedir != 0 {
		return p.changed(name, p.k.cfg.FS.Rmdir(name))
	}
	return p.changed(name, p.k.cfg.FS.Unlink(name))
}

func (p *Process) renameat2(a *[6]int32) int32 {
	from, e := p.lookup(a[0], a[1])
	if e != 0 {
		return -e
	}
	to, e := p.lookup(a[2], a[3])
	if e != 0 {
		return -e
	}
	if a[4] != 0 { // RENAME_NOREPLACE and RENAME_EXCHANGE: PostgreSQL falls back to link and unlink
		return -EINVAL
	}
	return p.changed(from, p.k.cfg.FS.Rename(from, to))
}

func (p *Process) linkat(a *[6]int32) int32 {
	from, e := p.lookup(a[0], a[1])
	if e != 0 {
		return -e
	}
	to, e := p.lookup(a[2], a[3])
	if e != 0 {
		return -e
	}
	return p.changed(from, p.k.cfg.FS.Link(from, to))
}

func (p *Process) symlinkat(a *[6]int32) int32 {
	target, e := p.mem.str(uint32(a[0]), maxPath)
	if e != 0 {
		return -e
	}
	name, e := p.lookup(a[1], a[2])
	if e != 0 {
		return -e
	}
	return zero(p.k.cfg.FS.Symlink(target, name))
}

func (p *Process) readlinkat(a *[6]int32) int32 {
	name, e := p.lookup(a[0], a[1])
	if e != 0 {
		return -e
	}
	out, ok := p.mem.bytes(uint32(a[2]), uint32(a[3]))
	if !ok {
		return -EFAULT
	}
	target, err := p.k.cfg.FS.Readlink(name)
	if err != nil {
		return -errnoOf(err)
	}
	return int32(copy(out, target))
}

func (p *Process) fchmodat(a *[6]int32) int32 {
	name, e := p.lookup(a[0], a[1])
	if e != 0 {
		return -e
	}
	return p.changed(name, p.k.cfg.FS.Chmod(name, uint32(a[2])&0o7777))
}

func (p *Process) fchmod(a *[6]int32) int32 {
	f := p.file(a[0])
	if f == nil {
		return -EBADF
	}
	d, ok := f.object.(*disk)
	if !ok {
		return -EINVAL
	}
	return zero(d.file.Chmod(uint32(a[1]) & 0o7777))
}

// truncate64(path, low, high)
func (p *Process) truncate(a *[6]int32) int32 {
	name, e := p.lookup(atFdcwd, a[0])
	if e != 0 {
		return -e
	}
	return p.changed(name, p.k.cfg.FS.Truncate(name, long(a[1], a[2])))
}

// utimensat(dirfd, path, times[2] or 0, flags)
func (p *Process) utimensat(a *[6]int32) int32 {
	const utimeNow, utimeOmit = 0x3fffffff, 0x3ffffffe
	name, e := p.lookup(a[0], a[1])
	if e != 0 {
		return -e
	}
	times := [2]time.Time{time.Now(), time.Now()}
	if a[2] != 0 {
		b, ok := p.mem.bytes(uint32(a[2]), 2*sizeofTimespec)
		if !ok {
			return -EFAULT
		}
		for i := range times {
			switch nsec := i32(b, i*sizeofTimespec+8); nsec {
			case utimeNow:
			case utimeOmit:
				times[i] = time.Time{}
			default:
				times[i] = time.Unix(i64(b, i*sizeofTimespec), int64(nsec))
			}
		}
	}
	return p.changed(name, p.k.cfg.FS.Chtimes(name, times[0], times[1]))
}

func (p *Process) getcwd(a *[6]int32) int32 {
	out, ok := p.mem.bytes(uint32(a[0]), uint32(a[1]))
	if !ok {
		return -EFAULT
	}
	if len(out) < len(p.cwd)+1 {
		return -ERANGE
	}
	copy(out, p.cwd+"\x00")
	return int32(len(p.cwd) + 1)
}

func (p *Process) chdir(a *[6]int32) int32 {
	name, e := p.lookup(atFdcwd, a[0])
	if e != 0 {
		return -e
	}
	st, err := p.k.cfg.FS.Stat(name, true)
	if err != nil {
		return -errnoOf(err)
	}
	if st.Mode&vfs.S_IFMT != vfs.S_IFDIR {
		return -ENOTDIR
	}
	p.cwd = name
	return 0
}

func (p *Process) setUmask(a *[6]int32) int32 {
	old := p.umask
	p.umask = uint32(a[0]) & 0o777
	return int32(old)
}
