//go:build linux || darwin

package vfs_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

func TestNewDirErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	_, err := vfs.NewDir(file, vfs.DirOptions{})
	wantErrno(t, err, abi.ENOTDIR)
	_, err = vfs.NewDir(file+"-none", vfs.DirOptions{})
	wantErrno(t, err, abi.ENOENT)
}

// TestDirIsTheHosts checks that what is written lands in the host's directory,
// and that a root reached by a symbolic link or moved away stays the root.
func TestDirIsTheHosts(t *testing.T) {
	for _, portable := range []bool{false, true} {
		parent := t.TempDir()
		must(t, os.Mkdir(filepath.Join(parent, "pgdata"), 0o700))
		must(t, os.Symlink("pgdata", filepath.Join(parent, "link")))
		d := newDir(t, filepath.Join(parent, "link"), vfs.DirOptions{Portable: portable})
		must(t, d.Mkdir("/global", 0o700))
		writeFile(t, d, "/global/pg_control", "x")
		must(t, os.Rename(filepath.Join(parent, "pgdata"), filepath.Join(parent, "moved")))
		writeFile(t, d, "/global/pg_control", "y")
		got, err := os.ReadFile(filepath.Join(parent, "moved/global/pg_control"))
		must(t, err)
		equal(t, "content", string(got), "y")
	}
}

func TestDirReadOnly(t *testing.T) {
	for _, portable := range []bool{false, true} {
		path := t.TempDir()
		must(t, os.Mkdir(filepath.Join(path, "d"), 0o700))
		must(t, os.WriteFile(filepath.Join(path, "f"), []byte("x"), 0o600))
		must(t, os.Symlink("f", filepath.Join(path, "l")))
		wantReadOnly(t, newDir(t, path, vfs.DirOptions{ReadOnly: true, Portable: portable}))
	}
}

// TestSetuidIsRefused is a guest that would leave a set-user-ID program on the
// host's disk.
func TestSetuidIsRefused(t *testing.T) {
	eachDir(t, func(t *testing.T, d *vfs.Dir, _ string) {
		_, err := d.Open("/f", vfs.O_RDWR|vfs.O_CREAT, 0o4755)
		wantErrno(t, err, abi.EPERM)
		wantErrno(t, d.Mkdir("/d", 0o2755), abi.EPERM)
		f := open(t, d, "/f", vfs.O_RDWR|vfs.O_CREAT)
		defer f.Close()
		wantErrno(t, f.Chmod(0o6755), abi.EPERM)
		wantErrno(t, d.Chmod("/f", 0o4755), abi.EPERM)
		equal(t, "mode", stat(t, d, "/f").Mode, vfs.S_IFREG|0o600)
	})
}

// TestFd uses a file by its descriptor and by its methods in turn.
func TestFd(t *testing.T) {
	eachDir(t, func(t *testing.T, d *vfs.Dir, _ string) {
		f := open(t, d, "/f", vfs.O_RDWR|vfs.O_CREAT)
		_, err := f.Write([]byte("one "))
		must(t, err)
		_, err = unix.Write(f.Fd(), []byte("two"))
		must(t, err)
		_, err = f.Seek(0, vfs.SEEK_SET)
		must(t, err)
		equal(t, "content", readAll(t, f), "one two")
		flags, err := unix.FcntlInt(uintptr(f.Fd()), unix.F_GETFL, 0)
		must(t, err)
		if flags&unix.O_NONBLOCK != 0 {
			t.Error("the descriptor does not block")
		}
		flags, err = unix.FcntlInt(uintptr(f.Fd()), unix.F_GETFD, 0)
		must(t, err)
		if flags&unix.FD_CLOEXEC == 0 {
			t.Error("the descriptor would be inherited")
		}
		must(t, f.Close())
		equal(t, "Fd after Close", f.Fd(), -1)
		_, err = f.Read(make([]byte, 1))
		wantErrno(t, err, abi.EBADF)
	})
}

// TestOpenFlagsReachTheHost: O_NONBLOCK is taken back after the open, and must
// not take other flags with it.
func TestOpenFlagsReachTheHost(t *testing.T) {
	eachDir(t, func(t *testing.T, d *vfs.Dir, _ string) {
		writeFile(t, d, "/f", "x")
		for guest, host := range map[int]int{
			vfs.O_APPEND:                unix.O_APPEND,
			vfs.O_DSYNC:                 unix.O_DSYNC,
			vfs.O_SYNC:                  unix.O_SYNC,
			vfs.O_APPEND | vfs.O_SYNC:   unix.O_APPEND | unix.O_SYNC,
			vfs.O_NONBLOCK | vfs.O_SYNC: unix.O_SYNC,
		} {
			f := open(t, d, "/f", vfs.O_RDWR|guest)
			flags, err := unix.FcntlInt(uintptr(f.Fd()), unix.F_GETFL, 0)
			must(t, err)
			must(t, f.Close())
			if flags&host != host || flags&unix.O_NONBLOCK != 0 {
				t.Errorf("%o became %o, want %o", guest, flags, host)
			}
		}
	})
}

func TestDirectIO(t *testing.T) {
	eachDir(t, func(t *testing.T, d *vfs.Dir, _ string) {
		f, err := d.Open("/f", vfs.O_RDWR|vfs.O_CREAT|vfs.O_DIRECT, 0o600)
		if vfs.Errno(err) == abi.EINVAL {
			t.Skip("the host's file system has no O_DIRECT")
		}
		must(t, err)
		defer f.Close()
		room := make([]byte, 3*4096)
		page := room[4096-uintptr(unsafe.Pointer(&room[0]))%4096:][:4096]
		copy(page, bytes.Repeat([]byte("ab"), 2048))
		_, err = f.Pwrite(page, 4096)
		must(t, err)
		clear(page)
		n, err := f.Pread(page, 4096)
		must(t, err)
		equal(t, "read", n, 4096)
		equal(t, "content", string(page[:2]), "ab")
	})
}

// TestHost is the tree of the host, which follows what Dir refuses.
func TestHost(t *testing.T) {
	h := vfs.NewHost()
	dir := t.TempDir()
	must(t, h.Mkdir(dir+"/d", 0o700))
	writeFile(t, h, dir+"/d/f", "x")
	must(t, h.Symlink(dir+"/d", dir+"/absolute"))
	equal(t, "content", readFile(t, h, dir+"/absolute/f"), "x")
	target, err := h.Readlink(dir + "/absolute")
	must(t, err)
	equal(t, "target", target, dir+"/d")
	must(t, h.Link(dir+"/d/f", dir+"/g"))
	must(t, h.Rename(dir+"/g", dir+"/h"))
	must(t, h.Chmod(dir+"/h", 0o640))
	must(t, h.Truncate(dir+"/h", 10))
	st := stat(t, h, dir+"/d/f")
	equal(t, "mode", st.Mode, vfs.S_IFREG|0o640)
	equal(t, "size", st.Size, 10)
	equal(t, "links", st.Nlink, 2)
	must(t, h.Chtimes(dir+"/h", st.Atime.AddDate(-1, 0, 0), st.Mtime.AddDate(-2, 0, 0)))
	equal(t, "mtime", stat(t, h, dir+"/h").Mtime.Unix(), st.Mtime.AddDate(-2, 0, 0).Unix())
	equal(t, "list", list(t, h, dir), "d:d f:h l:absolute")
	wantErrno(t, h.Unlink(dir+"/d"), abi.EISDIR)
	wantErrno(t, h.Rmdir(dir+"/d"), abi.ENOTEMPTY)
	wantErrno(t, h.Chmod(dir+"/h", 0o4755), abi.EPERM)
	f := open(t, h, "/dev/null", vfs.O_RDWR)
	equal(t, "type", stat(t, h, "/dev/null").Mode&vfs.S_IFMT, vfs.S_IFCHR)
	must(t, f.Close())
}
