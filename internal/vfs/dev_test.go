package vfs_test

import (
	"bytes"
	"fmt"
	"testing"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

func TestDev(t *testing.T) {
	d := vfs.NewDev()
	equal(t, "list", list(t, d, "/"), "c:null c:random c:urandom c:zero")
	for name, rdev := range map[string]uint64{"/null": 0x103, "/zero": 0x105, "/random": 0x108, "/urandom": 0x109} {
		st := stat(t, d, name)
		equal(t, name, st.Mode, vfs.S_IFCHR|0o666)
		equal(t, name, st.Rdev, rdev)
		f := open(t, d, name, vfs.O_RDWR|vfs.O_CREAT|vfs.O_TRUNC)
		n, err := f.Write([]byte("gone"))
		equal(t, name, fmt.Sprint(n, err), "4 <nil>")
		buf := bytes.Repeat([]byte{0xaa}, 64)
		n, err = f.Read(buf)
		must(t, err)
		switch name {
		case "/null":
			equal(t, name, n, 0)
		case "/zero":
			equal(t, name, n, 64)
			equal(t, name, bytes.Count(buf, []byte{0}), 64)
		default:
			equal(t, name, n, 64)
			if bytes.Count(buf, []byte{0xaa}) > 16 {
				t.Errorf("%s gave %x", name, buf)
			}
		}
		opened, err := f.Stat()
		must(t, err)
		equal(t, name, opened.Ino, st.Ino)
		must(t, f.Close())
	}
	_, err := d.Open("/tty", vfs.O_RDWR, 0)
	wantErrno(t, err, abi.ENOENT)
	_, err = d.Open("/null/x", vfs.O_RDWR, 0)
	wantErrno(t, err, abi.ENOTDIR)
	_, err = d.Open("/new", vfs.O_RDWR|vfs.O_CREAT, 0)
	wantErrno(t, err, abi.EROFS)
	wantErrno(t, d.Unlink("/null"), abi.EROFS)
	wantErrno(t, d.Truncate("/null", 0), abi.EINVAL)
}
