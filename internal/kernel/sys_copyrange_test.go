package kernel_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vfs"
)

// TestCopyFileRange copies between files of memory, of the host, and from one to the other.
func TestCopyFileRange(t *testing.T) {
	host := t.TempDir()
	dir, err := vfs.NewDir(host, vfs.DirOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	root, err := vfs.NewNamespace(map[string]vfs.FS{"/": vfs.NewMem(vfs.MemOptions{}), "/dev": vfs.NewDev(), "/disk": dir})
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("0123456789"), 14_000) // more than one piece
	k, err := kernel.New(kernel.Config{FS: root, Program: func(string) kernel.Module {
		return module{t, func(g *guest, _ []string) int {
			buf := g.bytes(data)
			for i, c := range [][2]string{{"/a", "/b"}, {"/disk/a", "/disk/b"}, {"/a", "/disk/c"}, {"/disk/a", "/c"}} {
				src := g.must(abi.SYS_openat, atCWD, g.str(c[0]), openRW, 0o600)
				dst := g.must(abi.SYS_openat, atCWD, g.str(c[1]), openRW, 0o600)
				if i < 2 {
					copy(g.mem[buf:], data)
					g.must(abi.SYS_write, src, buf, uint32(len(data)))
				}
				// By the files' own offsets, to the end.
				g.must(abi.SYS__llseek, src, 0, 5, g.alloc(8), 0)
				total := 0
				for {
					n := g.must(abi.SYS_copy_file_range, src, 0, dst, 0, 100_000, 0)
					if n == 0 {
						break
					}
					total += int(n)
				}
				got := buf
				n := g.must(abi.SYS_pread64, dst, got, uint32(len(data)), 0, 0)
				if total != len(data)-5 || !bytes.Equal(g.mem[got:got+n], data[5:]) {
					t.Errorf("%s to %s: %d bytes, %d in the copy", c[0], c[1], total, n)
				}
				// By offsets in memory, which move; the files' own do not.
				from, to := g.alloc(8), g.alloc(8)
				g.put32(from, 2)
				g.put32(to, 1)
				if n := g.must(abi.SYS_copy_file_range, src, from, dst, to, 3, 0); n != 3 || g.u32(from) != 5 || g.u32(to) != 4 {
					t.Errorf("%d bytes, offsets %d and %d", n, g.u32(from), g.u32(to))
				}
				if g.must(abi.SYS_pread64, dst, got, 5, 0, 0); string(g.mem[got:got+5]) != "52349" {
					t.Errorf("%s to %s: %q", c[0], c[1], g.mem[got:got+5])
				}
				for name, bad := range map[string]struct {
					args []uint32
					want int32
				}{
					"overlap":  {[]uint32{src, from, src, to, 10, 0}, -int32(abi.EINVAL)},
					"flags":    {[]uint32{src, 0, dst, 0, 10, 1}, -int32(abi.EINVAL)},
					"pointer":  {[]uint32{src, memSize - 4, dst, 0, 10, 0}, -int32(abi.EFAULT)},
					"no file":  {[]uint32{99, 0, dst, 0, 10, 0}, -int32(abi.EBADF)},
					"not open": {[]uint32{src, 0, g.must(abi.SYS_openat, atCWD, g.str(c[1]), 0, 0), 0, 10, 0}, -int32(abi.EBADF)},
				} {
					if ret := g.sys(abi.SYS_copy_file_range, bad.args...); ret != bad.want {
						t.Errorf("%s: %d, want %d", name, ret, bad.want)
					}
				}
			}
			return 0
		}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}})
	if err != nil {
		t.Fatal(err)
	}
	if st := p.Wait(); st.Code != 0 {
		t.Error(st)
	}
	if b, err := os.ReadFile(filepath.Join(host, "c")); err != nil || len(b) != len(data)-5 {
		t.Error(len(b), err)
	}
}
