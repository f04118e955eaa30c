package vfs_test

import (
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/vfs"
)

func TestMemWriteFile(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{})
	for range 2 {
		must(t, m.WriteFile("/a/b/passwd", []byte("postgres:x:1000:1000"), 0o444))
	}
	equal(t, "content", readFile(t, m, "/a/b/passwd"), "postgres:x:1000:1000")
	equal(t, "mode", stat(t, m, "/a/b/passwd").Mode, vfs.S_IFREG|0o444)
	equal(t, "mode", stat(t, m, "/a/b").Mode, vfs.S_IFDIR|0o755)
	wantErrno(t, m.WriteFile("/a/b", nil, 0o444), abi.EISDIR)
	wantErrno(t, m.WriteFile("/a/b/passwd/c", nil, 0o444), abi.ENOTDIR)
}

// TestMemLimit fills a Mem in every way and gets the room back in every way.
func TestMemLimit(t *testing.T) {
	const limit = 1 << 20
	m := vfs.NewMem(vfs.MemOptions{Limit: limit})
	fill := func(name string) vfs.File {
		f := open(t, m, name, vfs.O_RDWR|vfs.O_CREAT)
		total := 0
		for {
			n, err := f.Write(make([]byte, 10000))
			total += n
			if err != nil {
				wantErrno(t, err, abi.ENOSPC)
				break
			}
		}
		if total < limit*9/10 || total > limit {
			t.Errorf("%d of %d bytes were written", total, limit)
		}
		return f
	}
	for range 3 {
		f := fill("/f")
		_, err := f.Pwrite([]byte("an overwrite needs no room"), 5)
		must(t, err)
		wantErrno(t, f.Allocate(0, limit), abi.ENOSPC)
		must(t, f.Truncate(100))
		must(t, f.Allocate(0, limit/2))
		must(t, f.Truncate(0))
		must(t, f.Close())
		f = fill("/f")
		must(t, m.Unlink("/f"))
		_, err = m.Open("/g", vfs.O_RDWR|vfs.O_CREAT, 0o600)
		if err == nil {
			_, err = open(t, m, "/g", vfs.O_RDWR).Write(make([]byte, 100000))
			must(t, m.Unlink("/g"))
		}
		wantErrno(t, err, abi.ENOSPC)
		must(t, f.Close())
		f = fill("/f")
		must(t, f.Close())
		must(t, m.Unlink("/f"))
	}
}

// TestMemManyFiles: files without content count as well.
func TestMemManyFiles(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{Limit: 100 << 10})
	made := 0
	for ; made < 1000; made++ {
		if err := m.Mkdir("/"+strings.Repeat("d", made%200+1), 0o700); err != nil {
			wantErrno(t, err, abi.ENOSPC)
			break
		}
	}
	equal(t, "directories", made, 99)
}

// TestMemAllocateUndone: an Allocate that does not fit takes nothing.
func TestMemAllocateUndone(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{Limit: 100 << 10})
	f := open(t, m, "/f", vfs.O_RDWR|vfs.O_CREAT)
	defer f.Close()
	wantErrno(t, f.Allocate(0, 100<<10), abi.ENOSPC)
	wantErrno(t, f.Allocate(1<<62, 1<<62), abi.EFBIG)
	wantErrno(t, f.Allocate(0, 1<<50), abi.ENOSPC)
	must(t, f.Allocate(0, 90<<10))
	_, err := f.Pwrite([]byte("x"), 1<<62)
	must(t, err)
	_, err = f.Pwrite([]byte("xy"), 1<<63-1)
	wantErrno(t, err, abi.EFBIG)
}
