//go:build linux || darwin

package vfs_test

import (
	"fmt"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

// TestShm is the life of a segment as PostgreSQL's dsm_impl_posix leads it.
func TestShm(t *testing.T) {
	before := openDescriptors(t)
	s := vfs.NewShm()
	const size = 1 << 20
	f := open(t, s, "/PostgreSQL.1", vfs.O_RDWR|vfs.O_CREAT|vfs.O_EXCL)
	_, err := s.Open("/PostgreSQL.1", vfs.O_RDWR|vfs.O_CREAT|vfs.O_EXCL, 0o600)
	wantErrno(t, err, abi.EEXIST)
	must(t, f.Allocate(0, size))
	a, err := unix.Mmap(f.Fd(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must(t, err)
	must(t, f.Close())

	g := open(t, s, "/PostgreSQL.1", vfs.O_RDWR)
	st, err := g.Stat()
	must(t, err)
	equal(t, "size", st.Size, size)
	equal(t, "mode", st.Mode, vfs.S_IFREG|0o600)
	equal(t, "inode", st.Ino, stat(t, s, "/PostgreSQL.1").Ino)
	b, err := unix.Mmap(g.Fd(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	must(t, err)
	copy(a[size-10:], "shared")
	equal(t, "what the other sees", string(b[size-10:size-4]), "shared")

	must(t, g.Allocate(0, 2*size))
	st, err = g.Stat()
	must(t, err)
	equal(t, "size", st.Size, 2*size)
	equal(t, "list", list(t, s, "/"), "f:PostgreSQL.1")
	must(t, s.Unlink("/PostgreSQL.1"))
	equal(t, "list", list(t, s, "/"), "")
	_, err = s.Open("/PostgreSQL.1", vfs.O_RDWR, 0)
	wantErrno(t, err, abi.ENOENT)
	wantErrno(t, s.Unlink("/PostgreSQL.1"), abi.ENOENT)
	copy(b[size-10:], "SHARED")
	equal(t, "what the other sees", string(a[size-10:size-4]), "SHARED")
	must(t, unix.Munmap(a))
	must(t, unix.Munmap(b))
	must(t, g.Close())
	writeFile(t, s, "/left", "behind")
	must(t, s.Close())
	equal(t, "open descriptors", openDescriptors(t), before)
}

func TestShmCalls(t *testing.T) {
	s := vfs.NewShm()
	defer s.Close()
	writeFile(t, s, "/a", "one")
	writeFile(t, s, "/b", "two")
	must(t, s.Rename("/a", "/b"))
	equal(t, "list", list(t, s, "/"), "f:b")
	r := open(t, s, "/b", vfs.O_RDONLY)
	defer r.Close()
	buf := make([]byte, 10)
	n, err := r.Pread(buf, 0)
	equal(t, "content", fmt.Sprintf("%q %v", buf[:n], err), `"one" <nil>`)
	wantErrno(t, r.Truncate(0), abi.EINVAL)
	_, err = r.Write(buf)
	wantErrno(t, err, abi.EBADF)
	must(t, r.Sync(false))
	must(t, s.Truncate("/b", 100))
	must(t, s.Chmod("/b", 0o640))
	equal(t, "size", stat(t, s, "/b").Size, 100)
	equal(t, "mode", stat(t, s, "/b").Mode, vfs.S_IFREG|0o640)
	equal(t, "root", stat(t, s, "/").Mode, vfs.S_IFDIR|0o1777)
	_, err = s.Open("/d/x", vfs.O_RDWR|vfs.O_CREAT, 0o600)
	wantErrno(t, err, abi.ENOENT)
	_, err = s.Open("/b", vfs.O_RDONLY|vfs.O_DIRECTORY, 0)
	wantErrno(t, err, abi.ENOTDIR)
	_, err = s.Open("/", vfs.O_RDWR, 0)
	wantErrno(t, err, abi.EISDIR)
	wantErrno(t, s.Mkdir("/d", 0o700), abi.EPERM)
	wantErrno(t, s.Rmdir("/b"), abi.ENOTDIR)
	wantErrno(t, s.Unlink("/"), abi.EISDIR)
	wantErrno(t, s.Link("/b", "/c"), abi.EPERM)
	wantErrno(t, s.Rename("/none", "/c"), abi.ENOENT)
	must(t, s.Unlink("/b"))
	st, err := r.Stat()
	must(t, err)
	equal(t, "links", st.Nlink, 0)
}

// TestShmHammer has many create, open, rename and unlink the same few names.
func TestShmHammer(t *testing.T) {
	before := openDescriptors(t)
	s := vfs.NewShm()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				name := fmt.Sprintf("/s%d", (i+j)%3)
				if f, err := s.Open(name, vfs.O_RDWR|vfs.O_CREAT, 0o600); err == nil {
					f.Truncate(4096)
					f.Stat()
					f.Close()
				} else {
					t.Error(err)
				}
				if j%5 == 0 {
					s.Unlink(name)
				}
				s.Rename(name, "/s0")
				s.Stat(name, true)
			}
		})
	}
	wg.Wait()
	must(t, s.Close())
	equal(t, "open descriptors", openDescriptors(t), before)
}
