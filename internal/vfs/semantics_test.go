package vfs_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

// TestSemantics is what every file system does alike.
func TestSemantics(t *testing.T) {
	for _, test := range semantics {
		t.Run(test.name, func(t *testing.T) {
			eachFS(t, func(t *testing.T, fs vfs.FS) {
				fs.Chmod("/", 0o755)
				test.run(t, fs)
			})
		})
	}
}

var semantics = []struct {
	name string
	run  func(t *testing.T, fs vfs.FS)
}{
	{"open errors", func(t *testing.T, fs vfs.FS) {
		must(t, fs.Mkdir("/d", 0o700))
		writeFile(t, fs, "/f", "x")
		for _, c := range []struct {
			name  string
			flag  int
			errno abi.Errno
		}{
			{"/none", vfs.O_RDONLY, abi.ENOENT},
			{"/none/f", vfs.O_RDWR | vfs.O_CREAT, abi.ENOENT},
			{"/f/x", vfs.O_RDONLY, abi.ENOTDIR},
			{"/f", vfs.O_RDONLY | vfs.O_DIRECTORY, abi.ENOTDIR},
			{"/f", vfs.O_RDWR | vfs.O_CREAT | vfs.O_EXCL, abi.EEXIST},
			{"/d", vfs.O_RDWR, abi.EISDIR},
			{"/d", vfs.O_RDONLY | vfs.O_CREAT, abi.EISDIR},
			{"/d", vfs.O_RDWR | vfs.O_CREAT | vfs.O_EXCL, abi.EEXIST},
			{"/", vfs.O_WRONLY, abi.EISDIR},
			{"/f", vfs.O_RDONLY | vfs.O_PATH, abi.EOPNOTSUPP},
			{"/d", vfs.O_RDWR | vfs.O_TMPFILE, abi.EOPNOTSUPP},
			{"/f", vfs.O_ACCMODE, abi.EINVAL},
			{"", vfs.O_RDONLY, abi.ENOENT},
			{"/a\x00b", vfs.O_RDONLY, abi.EINVAL},
			{"/" + strings.Repeat("n", 256), vfs.O_RDWR | vfs.O_CREAT, abi.ENAMETOOLONG},
			{"/" + strings.Repeat("n/", 2500), vfs.O_RDONLY, abi.ENAMETOOLONG},
		} {
			f, err := fs.Open(c.name, c.flag, 0o600)
			if vfs.Errno(err) != c.errno {
				t.Errorf("open %.20q, %o: errno %d (%v), want %d", c.name, c.flag, vfs.Errno(err), err, c.errno)
			}
			if (f != nil) == (err != nil) {
				t.Errorf("open %.20q, %o: file %v beside error %v", c.name, c.flag, f, err)
			}
			if f != nil {
				f.Close()
			}
		}
		equal(t, "content", readFile(t, fs, "/f"), "x")
	}},
	{"names are cleaned", func(t *testing.T, fs vfs.FS) {
		must(t, fs.Mkdir("/d", 0o700))
		writeFile(t, fs, "/d/f", "x")
		for _, name := range []string{"/d/f", "//d//f", "/./d/./f", "/d/../d/f", "/../../d/f", "d/f", "/d/f/"} {
			equal(t, name, readFile(t, fs, name), "x")
		}
	}},
	{"read and write at the offset", func(t *testing.T, fs vfs.FS) {
		f := open(t, fs, "/f", vfs.O_RDWR|vfs.O_CREAT)
		defer f.Close()
		for _, s := range []string{"hello ", "world"} {
			n, err := f.Write([]byte(s))
			must(t, err)
			equal(t, "written", n, len(s))
		}
		at, err := f.Seek(-5, vfs.SEEK_END)
		must(t, err)
		equal(t, "offset", at, 6)
		equal(t, "rest", readAll(t, f), "world")
		_, err = f.Seek(-6, vfs.SEEK_CUR)
		must(t, err)
		equal(t, "rest", readAll(t, f), " world")
		n, err := f.Read(make([]byte, 10))
		equal(t, "at the end", fmt.Sprint(n, err), "0 <nil>")
		_, err = f.Seek(-1, vfs.SEEK_SET)
		wantErrno(t, err, abi.EINVAL)
		_, err = f.Seek(0, 99)
		wantErrno(t, err, abi.EINVAL)
	}},
	{"pread and pwrite leave the offset", func(t *testing.T, fs vfs.FS) {
		f := open(t, fs, "/f", vfs.O_RDWR|vfs.O_CREAT)
		defer f.Close()
		n, err := f.Pwrite([]byte("page"), 8192)
		equal(t, "pwrite", fmt.Sprint(n, err), "4 <nil>")
		buf := make([]byte, 100)
		n, err = f.Pread(buf, 8190)
		equal(t, "pread", fmt.Sprintf("%d %v %q", n, err, buf[:n]), `6 <nil> "\x00\x00page"`)
		n, err = f.Pread(buf, 1<<40)
		equal(t, "pread behind the end", fmt.Sprint(n, err), "0 <nil>")
		at, err := f.Seek(0, vfs.SEEK_CUR)
		equal(t, "offset", fmt.Sprint(at, err), "0 <nil>")
		_, err = f.Pread(buf, -1)
		wantErrno(t, err, abi.EINVAL)
		_, err = f.Pwrite(buf, -1)
		wantErrno(t, err, abi.EINVAL)
	}},
	{"access mode", func(t *testing.T, fs vfs.FS) {
		writeFile(t, fs, "/f", "abc")
		r := open(t, fs, "/f", vfs.O_RDONLY)
		defer r.Close()
		w := open(t, fs, "/f", vfs.O_WRONLY)
		defer w.Close()
		_, err := r.Write([]byte("x"))
		wantErrno(t, err, abi.EBADF)
		_, err = r.Pwrite([]byte("x"), 0)
		wantErrno(t, err, abi.EBADF)
		wantErrno(t, r.Truncate(0), abi.EINVAL)
		wantErrno(t, r.Allocate(0, 10), abi.EBADF)
		_, err = w.Read(make([]byte, 1))
		wantErrno(t, err, abi.EBADF)
		_, err = w.Pread(make([]byte, 1), 0)
		wantErrno(t, err, abi.EBADF)
	}},
	{"append", func(t *testing.T, fs vfs.FS) {
		writeFile(t, fs, "/log", "one\n")
		a := open(t, fs, "/log", vfs.O_WRONLY|vfs.O_APPEND)
		b := open(t, fs, "/log", vfs.O_WRONLY|vfs.O_APPEND)
		for _, f := range []vfs.File{a, b, a} {
			_, err := f.Write([]byte("more\n"))
			must(t, err)
		}
		must(t, a.Close())
		must(t, b.Close())
		equal(t, "content", readFile(t, fs, "/log"), "one\nmore\nmore\nmore\n")
	}},
	{"truncate", func(t *testing.T, fs vfs.FS) {
		writeFile(t, fs, "/f", strings.Repeat("x", 10000))
		must(t, fs.Truncate("/f", 5000))
		must(t, fs.Truncate("/f", 6000))
		equal(t, "content", readFile(t, fs, "/f"), strings.Repeat("x", 5000)+strings.Repeat("\x00", 1000))
		f := open(t, fs, "/f", vfs.O_RDWR|vfs.O_TRUNC)
		must(t, f.Truncate(3))
		wantErrno(t, f.Truncate(-1), abi.EINVAL)
		must(t, f.Close())
		equal(t, "content", readFile(t, fs, "/f"), "\x00\x00\x00")
		wantErrno(t, fs.Truncate("/none", 0), abi.ENOENT)
		wantErrno(t, fs.Truncate("/", 0), abi.EISDIR)
	}},
	{"sparse", func(t *testing.T, fs vfs.FS) {
		f := open(t, fs, "/f", vfs.O_RDWR|vfs.O_CREAT)
		defer f.Close()
		_, err := f.Pwrite([]byte("end"), 1<<30)
		must(t, err)
		st, err := f.Stat()
		must(t, err)
		equal(t, "size", st.Size, 1<<30+3)
		if st.Blocks*512 > 1<<20 {
			t.Errorf("%d blocks for a hole", st.Blocks)
		}
	}},
	{"allocate", func(t *testing.T, fs vfs.FS) {
		f := open(t, fs, "/f", vfs.O_RDWR|vfs.O_CREAT)
		defer f.Close()
		if err := f.Allocate(0, 100000); vfs.Errno(err) == abi.EOPNOTSUPP {
			t.Skip("the host's file system has no fallocate")
		} else if err != nil {
			t.Fatal(err)
		}
		st, err := f.Stat()
		must(t, err)
		equal(t, "size", st.Size, 100000)
		if st.Blocks*512 < 100000 {
			t.Errorf("only %d blocks", st.Blocks)
		}
		equal(t, "zeros", strings.Trim(readAll(t, f), "\x00"), "")
		wantErrno(t, f.Allocate(0, 0), abi.EINVAL)
		wantErrno(t, f.Allocate(-1, 10), abi.EINVAL)
	}},
	{"unlinked file lives on", func(t *testing.T, fs vfs.FS) {
		writeFile(t, fs, "/f", "old")
		f := open(t, fs, "/f", vfs.O_RDWR)
		must(t, fs.Unlink("/f"))
		wantErrno(t, fs.Unlink("/f"), abi.ENOENT)
		writeFile(t, fs, "/f", "new")
		equal(t, "content", readAll(t, f), "old")
		_, err := f.Write([]byte("er"))
		must(t, err)
		st, err := f.Stat()
		must(t, err)
		equal(t, "size", st.Size, 5)
		equal(t, "links", st.Nlink, 0)
		must(t, f.Close())
		equal(t, "content", readFile(t, fs, "/f"), "new")
	}},
	{"close", func(t *testing.T, fs vfs.FS) {
		f := open(t, fs, "/f", vfs.O_RDWR|vfs.O_CREAT)
		must(t, f.Close())
		wantErrno(t, f.Close(), abi.EBADF)
	}},
	{"sync", func(t *testing.T, fs vfs.FS) {
		must(t, fs.Mkdir("/d", 0o700))
		writeFile(t, fs, "/d/f", "x")
		for _, name := range []string{"/d/f", "/d", "/"} {
			f := open(t, fs, name, vfs.O_RDONLY)
			must(t, f.Sync(false))
			must(t, f.Sync(true))
			must(t, f.Close())
		}
	}},
	{"directories", func(t *testing.T, fs vfs.FS) {
		must(t, fs.Mkdir("/d", 0o700))
		wantErrno(t, fs.Mkdir("/d", 0o700), abi.EEXIST)
		wantErrno(t, fs.Mkdir("/", 0o700), abi.EEXIST)
		wantErrno(t, fs.Mkdir("/none/d", 0o700), abi.ENOENT)
		writeFile(t, fs, "/d/f", "")
		wantErrno(t, fs.Mkdir("/d/f", 0o700), abi.EEXIST)
		wantErrno(t, fs.Mkdir("/d/f/x", 0o700), abi.ENOTDIR)
		wantErrno(t, fs.Rmdir("/d"), abi.ENOTEMPTY)
		wantErrno(t, fs.Rmdir("/d/f"), abi.ENOTDIR)
		wantErrno(t, fs.Rmdir("/"), abi.EBUSY)
		wantErrno(t, fs.Unlink("/d"), abi.EISDIR)
		wantErrno(t, fs.Unlink("/"), abi.EISDIR)
		must(t, fs.Unlink("/d/f"))
		must(t, fs.Rmdir("/d"))
		wantErrno(t, fs.Rmdir("/d"), abi.ENOENT)
		f := open(t, fs, "/", vfs.O_RDONLY)
		defer f.Close()
		_, err := f.Read(make([]byte, 1))
		wantErrno(t, err, abi.EISDIR)
		_, err = f.Write([]byte("x"))
		wantErrno(t, err, abi.EBADF)
	}},
	{"ReadDir", func(t *testing.T, fs vfs.FS) {
		equal(t, "empty", list(t, fs, "/"), "")
		must(t, fs.Mkdir("/base", 0o700))
		writeFile(t, fs, "/PG_VERSION", "18\n")
		must(t, fs.Symlink("base", "/link"))
		f := open(t, fs, "/", vfs.O_RDONLY)
		defer f.Close()
		equal(t, "entries", listFile(t, f), "d:base f:PG_VERSION l:link")
		equal(t, "what is left", listFile(t, f), "")
		must(t, fs.Unlink("/link"))
		_, err := f.Seek(0, vfs.SEEK_SET)
		must(t, err)
		entries, err := f.ReadDir()
		must(t, err)
		equal(t, "entries after a rewind", len(entries), 2)
		for _, e := range entries {
			equal(t, "inode of "+e.Name, e.Ino, stat(t, fs, "/"+e.Name).Ino)
		}
		f2 := open(t, fs, "/PG_VERSION", vfs.O_RDONLY)
		defer f2.Close()
		_, err = f2.ReadDir()
		wantErrno(t, err, abi.ENOTDIR)
	}},
	{"ReadDir of many", func(t *testing.T, fs vfs.FS) {
		for i := range 2000 {
			must(t, fs.Mkdir(fmt.Sprintf("/directory-with-a-long-name-%d", i), 0o700))
		}
		equal(t, "entries", len(strings.Fields(list(t, fs, "/"))), 2000)
	}},
	{"stat", func(t *testing.T, fs vfs.FS) {
		before := time.Now().Add(-time.Minute)
		must(t, fs.Mkdir("/d", 0o700))
		writeFile(t, fs, "/f", "four")
		must(t, fs.Symlink("f", "/l"))
		equal(t, "mode of /d", stat(t, fs, "/d").Mode, vfs.S_IFDIR|0o700)
		equal(t, "type of /", stat(t, fs, "/").Mode&vfs.S_IFMT, vfs.S_IFDIR)
		st := stat(t, fs, "/f")
		equal(t, "mode of /f", st.Mode, vfs.S_IFREG|0o600)
		equal(t, "size of /f", st.Size, 4)
		equal(t, "links of /f", st.Nlink, 1)
		for _, at := range []time.Time{st.Atime, st.Mtime, st.Ctime} {
			if at.Before(before) || at.After(before.Add(2*time.Minute)) {
				t.Errorf("a time of /f is %v", at)
			}
		}
		equal(t, "type of /l", stat(t, fs, "/l").Mode&vfs.S_IFMT, vfs.S_IFLNK)
		equal(t, "size of /l", stat(t, fs, "/l").Size, 1)
		followed, err := fs.Stat("/l", true)
		must(t, err)
		equal(t, "followed inode", followed.Ino, st.Ino)
		f := open(t, fs, "/l", vfs.O_RDONLY)
		defer f.Close()
		opened, err := f.Stat()
		must(t, err)
		equal(t, "opened file", opened.Dev, st.Dev)
		equal(t, "opened file", opened.Ino, st.Ino)
		_, err = fs.Stat("/none", true)
		wantErrno(t, err, abi.ENOENT)
		_, err = fs.Stat("/f/x", true)
		wantErrno(t, err, abi.ENOTDIR)
	}},
	{"rename", func(t *testing.T, fs vfs.FS) {
		must(t, fs.Mkdir("/d", 0o700))
		must(t, fs.Mkdir("/empty", 0o700))
		writeFile(t, fs, "/a", "a")
		writeFile(t, fs, "/b", "b")
		writeFile(t, fs, "/d/f", "f")
		replaced := open(t, fs, "/b", vfs.O_RDONLY)
		defer replaced.Close()
		must(t, fs.Rename("/a", "/b"))
		equal(t, "replaced", readAll(t, replaced), "b")
		equal(t, "content", readFile(t, fs, "/b"), "a")
		_, err := fs.Stat("/a", false)
		wantErrno(t, err, abi.ENOENT)
		must(t, fs.Rename("/b", "/b"))
		must(t, fs.Rename("/b", "/d/b"))
		wantErrno(t, fs.Rename("/none", "/x"), abi.ENOENT)
		wantErrno(t, fs.Rename("/d/b", "/none/x"), abi.ENOENT)
		wantErrno(t, fs.Rename("/d/b", "/empty"), abi.EISDIR)
		wantErrno(t, fs.Rename("/empty", "/d/b"), abi.ENOTDIR)
		wantErrno(t, fs.Rename("/empty", "/d"), abi.ENOTEMPTY)
		wantErrno(t, fs.Rename("/d", "/d/sub"), abi.EINVAL)
		wantErrno(t, fs.Rename("/", "/x"), abi.EBUSY)
		wantErrno(t, fs.Rename("/d", "/"), abi.EBUSY)
		must(t, fs.Rename("/d", "/empty"))
		equal(t, "content", readFile(t, fs, "/empty/f"), "f")
		equal(t, "root", list(t, fs, "/"), "d:empty")
	}},
	{"link", func(t *testing.T, fs vfs.FS) {
		must(t, fs.Mkdir("/d", 0o700))
		writeFile(t, fs, "/a", "one")
		must(t, fs.Link("/a", "/d/b"))
		equal(t, "links", stat(t, fs, "/a").Nlink, 2)
		equal(t, "inode", stat(t, fs, "/a").Ino, stat(t, fs, "/d/b").Ino)
		wantErrno(t, fs.Link("/a", "/d/b"), abi.EEXIST)
		wantErrno(t, fs.Link("/d", "/e"), abi.EPERM)
		wantErrno(t, fs.Link("/none", "/e"), abi.ENOENT)
		must(t, fs.Rename("/a", "/d/b")) // the same file: both names stay
		equal(t, "links", stat(t, fs, "/a").Nlink, 2)
		must(t, fs.Unlink("/a"))
		equal(t, "content", readFile(t, fs, "/d/b"), "one")
		equal(t, "links", stat(t, fs, "/d/b").Nlink, 1)
		must(t, fs.Symlink("b", "/d/l"))
		must(t, fs.Link("/d/l", "/d/m"))
		equal(t, "type of a linked link", stat(t, fs, "/d/m").Mode&vfs.S_IFMT, vfs.S_IFLNK)
	}},
	{"symlink", func(t *testing.T, fs vfs.FS) {
		must(t, fs.Mkdir("/d", 0o700))
		must(t, fs.Mkdir("/d/e", 0o700))
		writeFile(t, fs, "/d/f", "f")
		for target, name := range map[string]string{"d": "/ld", "../../d/f": "/d/e/lf", "d/e/../f": "/up", "lf2": "/lf1", "./d//f": "/lf2"} {
			must(t, fs.Symlink(target, name))
			got, err := fs.Readlink(name)
			must(t, err)
			equal(t, name, got, target)
		}
		for _, name := range []string{"/ld/f", "/ld/e/lf", "/up", "/lf1"} {
			equal(t, name, readFile(t, fs, name), "f")
			_, err := fs.Open(name, vfs.O_RDWR|vfs.O_CREAT|vfs.O_EXCL, 0o600)
			wantErrno(t, err, abi.EEXIST)
		}
		_, err := fs.Open("/lf1", vfs.O_RDONLY|vfs.O_NOFOLLOW, 0)
		wantErrno(t, err, abi.ELOOP)
		f := open(t, fs, "/d/f", vfs.O_RDONLY|vfs.O_NOFOLLOW)
		must(t, f.Close())
		wantErrno(t, fs.Symlink("x", "/ld"), abi.EEXIST)
		wantErrno(t, fs.Symlink("", "/empty"), abi.ENOENT)
		wantErrno(t, fs.Mkdir("/ld", 0o700), abi.EEXIST)
		wantErrno(t, fs.Rmdir("/ld"), abi.ENOTDIR)
		_, err = fs.Readlink("/d/f")
		wantErrno(t, err, abi.EINVAL)
		_, err = fs.Readlink("/none")
		wantErrno(t, err, abi.ENOENT)
		_, err = fs.Readlink("/")
		wantErrno(t, err, abi.EINVAL)
		must(t, fs.Unlink("/ld"))
		equal(t, "content", readFile(t, fs, "/d/f"), "f")
	}},
	{"symlink that dangles or loops", func(t *testing.T, fs vfs.FS) {
		must(t, fs.Symlink("later", "/l"))
		_, err := fs.Stat("/l", true)
		wantErrno(t, err, abi.ENOENT)
		_, err = fs.Open("/l", vfs.O_RDONLY, 0)
		wantErrno(t, err, abi.ENOENT)
		writeFile(t, fs, "/l", "made through the link")
		equal(t, "content", readFile(t, fs, "/later"), "made through the link")
		must(t, fs.Symlink("b", "/a"))
		must(t, fs.Symlink("a", "/b"))
		for _, name := range []string{"/a", "/b/x"} {
			_, err = fs.Open(name, vfs.O_RDONLY, 0)
			wantErrno(t, err, abi.ELOOP)
			_, err = fs.Stat(name, true)
			wantErrno(t, err, abi.ELOOP)
		}
	}},
	{"symlink out of the root is not made", func(t *testing.T, fs vfs.FS) {
		must(t, fs.Mkdir("/d", 0o700))
		for _, target := range []string{"/", "/etc/passwd", "..", "../x", "../../x", "../d/../../x", "./../x/.."} {
			if err := fs.Symlink(target, "/l"); vfs.Errno(err) != abi.EPERM {
				t.Errorf("symlink to %q: %v", target, err)
			}
		}
		wantErrno(t, fs.Symlink("../..", "/d/l"), abi.EPERM)
		must(t, fs.Symlink("..", "/d/l"))
		equal(t, "list", list(t, fs, "/d/l"), "d:d")
	}},
	{"a moved symlink does not lead out", func(t *testing.T, fs vfs.FS) {
		must(t, fs.Mkdir("/d", 0o700))
		must(t, fs.Symlink("..", "/d/l"))
		must(t, fs.Rename("/d/l", "/l"))
		for _, name := range []string{"/l", "/l/x", "/d/../l/etc"} {
			_, err := fs.Open(name, vfs.O_RDONLY, 0)
			wantErrno(t, err, abi.EACCES)
			_, err = fs.Stat(name+"/x", true)
			wantErrno(t, err, abi.EACCES)
		}
		wantErrno(t, fs.Mkdir("/l/x", 0o700), abi.EACCES)
		wantErrno(t, fs.Unlink("/l/x"), abi.EACCES)
		wantErrno(t, fs.Rename("/d", "/l/x"), abi.EACCES)
		wantErrno(t, fs.Chmod("/l", 0o777), abi.EACCES)
		wantErrno(t, fs.Truncate("/l", 0), abi.EACCES)
		wantErrno(t, fs.Chtimes("/l", time.Now(), time.Now()), abi.EACCES)
	}},
	{"chmod", func(t *testing.T, fs vfs.FS) {
		writeFile(t, fs, "/f", "")
		must(t, fs.Symlink("f", "/l"))
		must(t, fs.Chmod("/f", 0o640))
		equal(t, "mode", stat(t, fs, "/f").Mode, vfs.S_IFREG|0o640)
		must(t, fs.Chmod("/l", 0o400))
		equal(t, "mode", stat(t, fs, "/f").Mode, vfs.S_IFREG|0o400)
		must(t, fs.Mkdir("/d", 0o700))
		must(t, fs.Chmod("/d", 0o1755))
		equal(t, "mode", stat(t, fs, "/d").Mode, vfs.S_IFDIR|0o1755)
		f := open(t, fs, "/d", vfs.O_RDONLY)
		must(t, f.Chmod(0o750))
		must(t, f.Close())
		equal(t, "mode", stat(t, fs, "/d").Mode, vfs.S_IFDIR|0o750)
		wantErrno(t, fs.Chmod("/none", 0o600), abi.ENOENT)
	}},
	{"chtimes", func(t *testing.T, fs vfs.FS) {
		writeFile(t, fs, "/f", "")
		a, m := time.Unix(1e9, 123456000), time.Unix(1.1e9, 0)
		must(t, fs.Chtimes("/f", a, m))
		must(t, fs.Chtimes("/f", time.Time{}, time.Time{}))
		st := stat(t, fs, "/f")
		equal(t, "atime", st.Atime.UnixNano(), a.UnixNano())
		equal(t, "mtime", st.Mtime.UnixNano(), m.UnixNano())
		wantErrno(t, fs.Chtimes("/none", a, m), abi.ENOENT)
	}},
	{"many at once", func(t *testing.T, fs vfs.FS) {
		must(t, fs.Mkdir("/d", 0o700))
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				own, shared := fmt.Sprintf("/d/own%d", i), fmt.Sprintf("/d/shared%d", i%2)
				for j := range 50 {
					f, err := fs.Open(shared, vfs.O_RDWR|vfs.O_CREAT, 0o600)
					if err != nil {
						t.Error(err)
						return
					}
					f.Pwrite(bytes.Repeat([]byte{byte(i)}, 100), int64(j*100))
					f.Pread(make([]byte, 1000), 0)
					f.Close()
					if g, err := fs.Open(own, vfs.O_RDWR|vfs.O_CREAT|vfs.O_EXCL, 0o600); err != nil {
						t.Error(err)
					} else {
						g.Close()
					}
					fs.Stat(shared, true)
					fs.Rename(own, shared)
					if d, err := fs.Open("/d", vfs.O_RDONLY, 0); err == nil {
						d.ReadDir()
						d.Close()
					}
				}
			})
		}
		wg.Wait()
		equal(t, "left", list(t, fs, "/d"), "f:shared0 f:shared1")
	}},
}
