package kernel_test

import (
	"testing"

	"nself.org/embeddedpg/internal/abi"
)

func TestPaths(t *testing.T) {
	inGuest(t, func(g *guest) {
		f := g.open("/f")
		g.must(abi.SYS_write, f, g.str("hello"), 5)
		g.must(abi.SYS_mkdirat, atCWD, g.str("/d"), 0o777)
		g.fails(abi.EEXIST, abi.SYS_mkdirat, atCWD, g.str("/d"), 0o777)
		d := g.must(abi.SYS_openat, atCWD, g.str("/d"), abi.O_DIRECTORY)
		g.must(abi.SYS_openat, d, g.str("inner"), abi.O_CREAT|abi.O_WRONLY|abi.O_CLOEXEC, 0o600)
		g.fails(abi.ENOTDIR, abi.SYS_openat, f, g.str("inner"), 0)
		g.fails(abi.EBADF, abi.SYS_openat, 77, g.str("inner"), 0)
		g.fails(abi.ENOENT, abi.SYS_openat, atCWD, g.str(""), 0)
		g.fails(abi.ENOENT, abi.SYS_openat, atCWD, g.str("/none"), 0)

		// The working directory.
		buf := g.alloc(4096)
		g.want(2, abi.SYS_getcwd, buf, 4096)
		g.must(abi.SYS_chdir, g.str("d"))
		g.want(3, abi.SYS_getcwd, buf, 4096)
		if got := g.cstr(buf); got != "/d" {
			t.Errorf("working directory %q", got)
		}
		g.fails(abi.ERANGE, abi.SYS_getcwd, buf, 2)
		g.fails(abi.ENOTDIR, abi.SYS_chdir, g.str("/f"))
		g.fails(abi.ENOENT, abi.SYS_chdir, g.str("/none"))
		g.must(abi.SYS_faccessat, atCWD, g.str("inner"), abi.W_OK)
		g.must(abi.SYS_chdir, g.str("../.."))

		g.want(0o077, abi.SYS_umask, 0o027)
		g.want(0o027, abi.SYS_umask, 0o077)

		// Modes and access.
		g.fails(abi.EACCES, abi.SYS_faccessat, atCWD, g.str("/f"), abi.X_OK)
		g.must(abi.SYS_fchmodat, atCWD, g.str("/f"), 0o500)
		g.must(abi.SYS_faccessat, atCWD, g.str("/f"), abi.X_OK)
		g.fails(abi.EACCES, abi.SYS_faccessat, atCWD, g.str("/f"), abi.W_OK)
		g.must(abi.SYS_fchmod, f, 0o640)
		g.fails(abi.ENOENT, abi.SYS_faccessat, atCWD, g.str("/none"), 0)
		g.fails(abi.EBADF, abi.SYS_fchmod, 77, 0)

		// Names.
		g.must(abi.SYS_linkat, atCWD, g.str("/f"), atCWD, g.str("/g"), 0)
		g.must(abi.SYS_symlinkat, g.str("f"), atCWD, g.str("/s"))
		g.want(1, abi.SYS_readlinkat, atCWD, g.str("/s"), buf, 10)
		g.fails(abi.EINVAL, abi.SYS_readlinkat, atCWD, g.str("/f"), buf, 10)
		g.must(abi.SYS_renameat2, atCWD, g.str("/g"), atCWD, g.str("/h"), 0)
		g.fails(abi.EINVAL, abi.SYS_renameat2, atCWD, g.str("/h"), atCWD, g.str("/g"), 1)
		g.fails(abi.ENOENT, abi.SYS_renameat2, atCWD, g.str("/g"), atCWD, g.str("/h"), 0)
		g.must(abi.SYS_unlinkat, atCWD, g.str("/h"), 0)
		g.fails(abi.ENOTEMPTY, abi.SYS_unlinkat, atCWD, g.str("/d"), abi.AT_REMOVEDIR)
		g.must(abi.SYS_unlinkat, d, g.str("inner"), 0)
		g.must(abi.SYS_unlinkat, atCWD, g.str("/d"), abi.AT_REMOVEDIR)
		g.must(abi.SYS_truncate64, g.str("/f"), 3, 0)
		g.fails(abi.ENOENT, abi.SYS_truncate64, g.str("/none"), 3, 0)

		for _, nr := range []int32{abi.SYS_linkat, abi.SYS_renameat2} {
			g.fails(abi.EFAULT, nr, atCWD, memSize, atCWD, g.str("/x"), 0)
			g.fails(abi.EFAULT, nr, atCWD, g.str("/f"), atCWD, memSize, 0)
		}
		g.fails(abi.EFAULT, abi.SYS_symlinkat, memSize, atCWD, g.str("/x"))
		g.fails(abi.EFAULT, abi.SYS_symlinkat, g.str("x"), atCWD, memSize)
		g.fails(abi.EFAULT, abi.SYS_readlinkat, atCWD, g.str("/s"), memSize, 1)
		long := g.alloc(5000)
		for i := range uint32(5000) {
			g.mem[long+i] = 'x'
		}
		g.fails(abi.ENAMETOOLONG, abi.SYS_chdir, long)
	})
}

func TestStat(t *testing.T) {
	inGuest(t, func(g *guest) {
		f := g.open("/f")
		g.must(abi.SYS_write, f, g.str("hello"), 5)
		g.must(abi.SYS_symlinkat, g.str("f"), atCWD, g.str("/s"))
		times := g.alloc(32)
		g.put64(times, 1_000_000_000)
		g.put32(times+8, 5)
		g.put64(times+16, 1_200_000_000)
		g.put32(times+24, 7)
		g.must(abi.SYS_utimensat_time64, atCWD, g.str("/f"), times, 0)
		g.put32(times+8, abi.UTIME_OMIT)
		g.put32(times+24, abi.UTIME_OMIT)
		g.must(abi.SYS_utimensat_time64, atCWD, g.str("/f"), times, 0)
		g.fails(abi.EFAULT, abi.SYS_utimensat_time64, atCWD, g.str("/f"), memSize, 0)

		st := g.alloc(abi.SizeofStatx)
		check := func(what string, size uint64, mode uint16) {
			t.Helper()
			if got := g.u64(st + abi.OffStatxSize); got != size {
				t.Errorf("%s: size %d, want %d", what, got, size)
			}
			if got := g.u16(st + abi.OffStatxMode); got != mode {
				t.Errorf("%s: mode %o, want %o", what, got, mode)
			}
			if uid := g.u32(st + abi.OffStatxUid); uid != 1000 {
				t.Errorf("%s: owner %d", what, uid)
			}
		}
		g.must(abi.SYS_statx, atCWD, g.str("/s"), 0, 0, st)
		check("followed", 5, abi.S_IFREG|0o600)
		if sec, nsec := g.u64(st+abi.OffStatxMtime+abi.OffStatxTimestampSec), g.u32(st+abi.OffStatxMtime+abi.OffStatxTimestampNsec); sec != 1_200_000_000 || nsec != 7 {
			t.Errorf("modified %d.%09d", sec, nsec)
		}
		g.must(abi.SYS_statx, atCWD, g.str("/s"), abi.AT_SYMLINK_NOFOLLOW, 0, st)
		if mode := g.u16(st + abi.OffStatxMode); mode&abi.S_IFMT != abi.S_IFLNK {
			t.Errorf("the link itself: mode %o", mode)
		}
		g.must(abi.SYS_statx, f, g.str(""), abi.AT_EMPTY_PATH, 0, st)
		check("the descriptor", 5, abi.S_IFREG|0o600)
		g.must(abi.SYS_utimensat_time64, atCWD, g.str("/f"), 0, 0)
		g.fails(abi.EBADF, abi.SYS_statx, 77, g.str(""), abi.AT_EMPTY_PATH, 0, st)
		g.fails(abi.ENOENT, abi.SYS_statx, atCWD, g.str(""), 0, 0, st)
		g.fails(abi.ENOENT, abi.SYS_statx, atCWD, g.str("/none"), 0, 0, st)
		g.fails(abi.EFAULT, abi.SYS_statx, atCWD, memSize, 0, 0, st)
		g.fails(abi.EFAULT, abi.SYS_statx, atCWD, g.str("/f"), 0, 0, memSize-8)

		// What is no file has a type, too.
		fds := g.alloc(8)
		g.must(abi.SYS_pipe2, fds, 0)
		sock := g.must(abi.SYS_socket, abi.AF_UNIX, abi.SOCK_STREAM, 0)
		g.must(abi.SYS_bind, sock, g.unixAddr("/sock"), 7)
		for fd, want := range map[uint32]uint16{g.u32(fds): abi.S_IFIFO, sock: abi.S_IFSOCK} {
			g.must(abi.SYS_statx, fd, g.str(""), abi.AT_EMPTY_PATH, 0, st)
			if mode := g.u16(st + abi.OffStatxMode); mode&abi.S_IFMT != want {
				t.Errorf("descriptor %d: mode %o", fd, mode)
			}
		}
		g.must(abi.SYS_listen, sock, 1)
		g.must(abi.SYS_statx, sock, g.str(""), abi.AT_EMPTY_PATH, 0, st)
		if mode := g.u16(st + abi.OffStatxMode); mode&abi.S_IFMT != abi.S_IFSOCK {
			t.Errorf("a listener: mode %o", mode)
		}
		g.fails(abi.EINVAL, abi.SYS_fchmod, sock, 0)
	})
}

func TestReadDirectory(t *testing.T) {
	inGuest(t, func(g *guest) {
		for _, name := range []string{"/one", "/two", "/three"} {
			g.open(name)
		}
		d := g.must(abi.SYS_openat, atCWD, g.str("/"), abi.O_DIRECTORY)
		buf := g.alloc(1024)
		read := func(size uint32) map[string]byte {
			names := map[string]byte{}
			for {
				n := g.must(abi.SYS_getdents64, d, buf, size)
				if n == 0 {
					return names
				}
				for p := buf; p < buf+n; p += uint32(g.u16(p + abi.OffDirentReclen)) {
					names[g.cstr(p+abi.OffDirentName)] = g.mem[p+abi.OffDirentType]
				}
			}
		}
		for _, size := range []uint32{1024, 32} {
			names := read(size)
			if names["one"] != abi.DT_REG || names["three"] != abi.DT_REG || names[".."] != abi.DT_DIR || len(names) < 5 {
				t.Errorf("names %v", names)
			}
			g.must(abi.SYS__llseek, d, 0, 0, buf, abi.SEEK_SET)
		}
		g.fails(abi.EINVAL, abi.SYS__llseek, d, 0, 5, buf, abi.SEEK_SET)
		g.fails(abi.EINVAL, abi.SYS_getdents64, d, buf, 4)
		g.fails(abi.EFAULT, abi.SYS_getdents64, d, memSize, 100)
		g.fails(abi.ENOTDIR, abi.SYS_getdents64, g.open("/one"), buf, 100)
		g.fails(abi.EBADF, abi.SYS_getdents64, 77, buf, 100)
		g.fails(abi.EISDIR, abi.SYS_read, d, buf, 1)
		g.fails(abi.EISDIR, abi.SYS_pread64, d, buf, 1, 0, 0)
	})
}
