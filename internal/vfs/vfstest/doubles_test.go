package vfstest_test

import (
	"bytes"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/vfs"
	"nself.org/embeddedpg/internal/vfs/vfstest"
)

func TestQuota(t *testing.T) {
	q := vfstest.NewQuota(vfs.NewMem(vfs.MemOptions{}), 10000)
	f := open(t, q, "/f", vfs.O_RDWR|vfs.O_CREAT)
	defer f.Close()
	equal(t, "Fd", f.Fd(), -1)
	page := make([]byte, 8192)
	n, err := f.Write(page)
	equal(t, "the first page", fmt.Sprint(n, err), "8192 <nil>")
	n, err = f.Write(page)
	equal(t, "a short write", fmt.Sprint(n, err), "1808 <nil>")
	n, err = f.Write(page)
	equal(t, "written", n, 0)
	wantErrno(t, err, syscall.ENOSPC)
	_, err = f.Pwrite(page, 20000)
	wantErrno(t, err, syscall.ENOSPC)
	n, err = f.Pwrite(page, 100)
	equal(t, "an overwrite", fmt.Sprint(n, err), "8192 <nil>")
	wantErrno(t, f.Allocate(0, 10001), syscall.ENOSPC)
	must(t, f.Allocate(0, 10000))
	a := open(t, q, "/f", vfs.O_WRONLY|vfs.O_APPEND)
	defer a.Close()
	_, err = a.Write([]byte("x"))
	wantErrno(t, err, syscall.ENOSPC)
	must(t, q.Mkdir("/d", 0o700))
	q.Set(5)
	n, err = a.Write([]byte("six by"))
	equal(t, "append", fmt.Sprint(n, err), "5 <nil>")
	q.Lift()
	n, err = a.Write(bytes.Repeat(page, 10))
	equal(t, "without a limit", fmt.Sprint(n, err), "81920 <nil>")
	must(t, f.Allocate(0, 1<<20))
}

// TestQuotaHammer: writers at once get no more than there is.
func TestQuotaHammer(t *testing.T) {
	const room = 100_000
	q := vfstest.NewQuota(vfs.NewMem(vfs.MemOptions{}), room)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			f, err := q.Open(fmt.Sprintf("/f%d", i%3), vfs.O_WRONLY|vfs.O_CREAT|vfs.O_APPEND, 0o600)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			for range 1000 {
				f.Write(make([]byte, 77))
			}
		})
	}
	wg.Wait()
	total := int64(0)
	for i := range 3 {
		total += stat(t, q, fmt.Sprintf("/f%d", i)).Size
	}
	equal(t, "written", total, room)
}

// TestFaulty fails each operation once and checks that it did not happen.
func TestFaulty(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{})
	must(t, m.WriteFile("/f", []byte("content"), 0o600))
	var failing, seen string
	fs := &vfstest.Faulty{FS: m, Fail: func(op, name string) error {
		if op != failing {
			return nil
		}
		seen = name
		return syscall.EIO
	}}
	f := open(t, fs, "/f", vfs.O_RDWR)
	d := open(t, fs, "/", vfs.O_RDONLY)
	equal(t, "Fd", f.Fd(), -1)
	buf := make([]byte, 10)
	for op, call := range map[string]func() error{
		"open":     func() error { _, err := fs.Open("/f", 0, 0); return err },
		"stat":     func() error { _, err := fs.Stat("/f", true); return err },
		"mkdir":    func() error { return fs.Mkdir("/f", 0) },
		"unlink":   func() error { return fs.Unlink("/f") },
		"rmdir":    func() error { return fs.Rmdir("/f") },
		"rename":   func() error { return fs.Rename("/f", "/g") },
		"link":     func() error { return fs.Link("/f", "/g") },
		"symlink":  func() error { return fs.Symlink("x", "/f") },
		"readlink": func() error { _, err := fs.Readlink("/f"); return err },
		"chmod":    func() error { return fs.Chmod("/f", 0) },
		"truncate": func() error { return fs.Truncate("/f", 0) },
		"chtimes":  func() error { return fs.Chtimes("/f", time.Time{}, time.Time{}) },
		"read":     func() error { _, err := f.Read(buf); return err },
		"write":    func() error { _, err := f.Write(buf); return err },
		"pread":    func() error { _, err := f.Pread(buf, 0); return err },
		"pwrite":   func() error { _, err := f.Pwrite(buf, 0); return err },
		"seek":     func() error { _, err := f.Seek(0, 0); return err },
		"allocate": func() error { return f.Allocate(0, 100) },
		"sync":     func() error { return f.Sync(false) },
		"datasync": func() error { return f.Sync(true) },
		"readdir":  func() error { _, err := d.ReadDir(); return err },
	} {
		failing, seen = op, ""
		wantErrno(t, call(), syscall.EIO)
		if want := map[bool]string{true: "/", false: "/f"}[op == "readdir"]; seen != want {
			t.Errorf("%s was told the name %q", op, seen)
		}
	}
	for op, call := range map[string]func() error{
		"truncate": func() error { return f.Truncate(0) },
		"stat":     func() error { _, err := f.Stat(); return err },
		"chmod":    func() error { return f.Chmod(0) },
	} {
		failing = op
		wantErrno(t, call(), syscall.EIO)
	}
	failing = ""
	equal(t, "content", readFile(t, m, "/f"), "content")
	equal(t, "mode", stat(t, m, "/f").Mode, vfs.S_IFREG|0o600)
	names, err := open(t, m, "/", vfs.O_RDONLY).ReadDir()
	must(t, err)
	equal(t, "number of names", len(names), 1)
	failing = "close"
	wantErrno(t, f.Close(), syscall.EIO)
	failing = ""
	wantErrno(t, f.Close(), syscall.EBADF)
	must(t, d.Close())
}

// TestFaultyShort: a transfer moves as much as Short says, and no more than was asked for.
func TestFaultyShort(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{})
	must(t, m.WriteFile("/f", []byte("content"), 0o600))
	let := 3
	fs := &vfstest.Faulty{
		FS: m, Fail: func(string, string) error { return nil },
		Short: func(op, name string, n int) int {
			if name != "/f" || n != 5 {
				t.Errorf("%s of %d bytes of %s", op, n, name)
			}
			return let
		},
	}
	f := open(t, fs, "/f", vfs.O_RDWR)
	defer f.Close()
	buf := make([]byte, 5)
	for op, call := range map[string]func() (int, error){
		"read":   func() (int, error) { return f.Read(buf) },
		"pread":  func() (int, error) { return f.Pread(buf, 1) },
		"pwrite": func() (int, error) { return f.Pwrite([]byte("12345"), 0) },
	} {
		n, err := call()
		equal(t, op, fmt.Sprint(n, err), "3 <nil>")
	}
	equal(t, "content", readFile(t, m, "/f"), "123tent")
	let = 100
	n, err := f.Pwrite([]byte("12345"), 0)
	equal(t, "all", fmt.Sprint(n, err), "5 <nil>")
}
