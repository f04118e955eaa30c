package kernel_test

import (
	"os"
	"path/filepath"
	"testing"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
)

// TestFiles: the calls on regular files, on the host's and on those in memory.
func TestFiles(t *testing.T) {
	for _, dir := range []string{"", "/mem"} {
		t.Run(dir, func(t *testing.T) {
			inGuest(t, func(g *guest) {
				f := g.open(dir + "/f")
				testContent(g, f)
				testModes(g, f, dir+"/f")
				testNoFile(g)
			})
		})
	}
}

// TestStandardFile: a standard descriptor that is a regular file outside, as a shell's redirection makes it, is one inside,
// with the offset that others have of it too.
func TestStandardFile(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := out.WriteString("head "); err != nil {
		t.Fatal(err)
	}
	k := newKernel(t, map[string]program{"/bin/x": func(g *guest, _ []string) int {
		at, buf := g.alloc(8), g.alloc(64)
		g.want(4, abi.SYS_write, 1, g.str("tale"), 4)
		g.must(abi.SYS_fsync, 1)
		g.must(abi.SYS__llseek, 1, 0, 5, at, abi.SEEK_SET)
		g.want(4, abi.SYS_write, 1, g.str("body"), 4)
		g.want(9, abi.SYS_pread64, 1, buf, 64, 0, 0)
		if got := g.text(buf, 9); got != "head body" {
			g.t.Errorf("content %q", got)
		}
		g.must(abi.SYS_ftruncate64, 1, 9, 0)
		g.want(1, abi.SYS_write, 2, g.str("!"), 1)
		g.fails(abi.EBADF, abi.SYS_read, 2, buf, 1)
		g.fails(abi.ESPIPE, abi.SYS__llseek, 0, 0, 0, at, abi.SEEK_SET)
		return 0
	}})
	in, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer w.Close()
	more, err := os.OpenFile(out.Name(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer more.Close()
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}, Stdin: in, Stdout: out, Stderr: more})
	if err != nil {
		t.Fatal(err)
	}
	if status := p.Wait(); status != (kernel.Status{}) {
		t.Errorf("%+v", status)
	}
	if _, err := out.WriteString("."); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(out.Name()); err != nil || string(b) != "head body." {
		t.Errorf("%q, %v", b, err)
	}
}

// testContent reads and writes, moves and cuts.
func testContent(g *guest, f uint32) {
	buf, out := g.alloc(4096), g.alloc(64)
	content := func(want string) {
		g.t.Helper()
		n := g.must(abi.SYS_pread64, f, buf, 4096, 0, 0)
		if got := g.text(buf, n); got != want {
			g.t.Errorf("content %q, want %q", got, want)
		}
	}
	g.want(10, abi.SYS_write, f, g.str("0123456789"), 10)
	g.want(2, abi.SYS_pwrite64, f, g.str("ab"), 2, 4, 0)
	content("0123ab6789")
	two := g.iov(g.str("xy"), 2, 0, 0, g.str("z"), 1)
	g.want(3, abi.SYS_pwritev, f, two, 3, 0, 0)
	g.want(3, abi.SYS_pwritev2, f, two, 3, 7, 0, abi.RWF_NOAPPEND)
	content("xyz3ab6xyz")
	g.fails(abi.EOPNOTSUPP, abi.SYS_pwritev2, f, two, 3, 0, 0, 1)
	g.fails(abi.EOPNOTSUPP, abi.SYS_preadv2, f, two, 3, 0, 0, 1)
	into := g.iov(buf, 2, buf+100, 3)
	g.want(5, abi.SYS_preadv, f, into, 2, 1, 0)
	g.want(2, abi.SYS_preadv2, f, into, 2, 8, 0, 0)
	g.fails(abi.EINVAL, abi.SYS_pread64, f, buf, 1, ^uint32(0), ^uint32(0))

	// The file's own offset: preadv2 and pwritev2 take -1 for it, and only they.
	g.must(abi.SYS__llseek, f, 0, 1, out, abi.SEEK_SET)
	g.want(5, abi.SYS_preadv2, f, into, 2, ^uint32(0), ^uint32(0), 0)
	if got := g.text(buf, 2) + g.text(buf+100, 3); got != "yz3ab" {
		g.t.Errorf("read %q at the file's own offset", got)
	}
	g.want(3, abi.SYS_pwritev2, f, two, 3, ^uint32(0), ^uint32(0), 0)
	content("xyz3abxyzz")
	g.fails(abi.EINVAL, abi.SYS_preadv, f, into, 2, ^uint32(0), ^uint32(0))
	g.fails(abi.EINVAL, abi.SYS_pwritev, f, two, 3, ^uint32(0), ^uint32(0))
	g.fails(abi.EINVAL, abi.SYS_preadv2, f, into, 2, ^uint32(1), ^uint32(0), 0)

	g.must(abi.SYS__llseek, f, 0, 2, out, abi.SEEK_SET)
	g.want(5, abi.SYS_readv, f, into, 2)
	g.want(3, abi.SYS_readv, f, into, 2)
	g.want(0, abi.SYS_readv, f, into, 2)
	g.want(3, abi.SYS_writev, f, two, 3)
	content("xyz3abxyzzxyz")
	g.must(abi.SYS__llseek, f, ^uint32(0), ^uint32(2), out, abi.SEEK_END)
	if got := g.u64(out); got != 10 {
		g.t.Errorf("offset %d", got)
	}
	g.fails(abi.EINVAL, abi.SYS__llseek, f, 0, 0, out, 99)
	g.fails(abi.EFAULT, abi.SYS__llseek, f, 0, 0, memSize, abi.SEEK_SET)
	g.fails(abi.EBADF, abi.SYS__llseek, 77, 0, 0, out, abi.SEEK_SET)

	g.must(abi.SYS_ftruncate64, f, 3, 0)
	g.must(abi.SYS_fallocate, f, 0, 0, 0, 5, 0)
	content("xyz\x00\x00")
	g.fails(abi.EOPNOTSUPP, abi.SYS_fallocate, f, 1, 0, 0, 5, 0)
	for _, nr := range []int32{abi.SYS_fsync, abi.SYS_fdatasync, abi.SYS_syncfs} {
		g.must(nr, f)
		g.fails(abi.EBADF, nr, 77)
	}
	g.must(abi.SYS_sync_file_range, f, 0, 0, 4096, 0, 2)
	g.must(abi.SYS_fadvise64_64, f, 0, 0, 4096, 0, 3)
}

// testModes has descriptors that are for one of reading and writing, and bad vectors and pointers.
func testModes(g *guest, f uint32, name string) {
	buf := g.alloc(4096)
	two, into := g.iov(g.str("xy"), 2, 0, 0, g.str("z"), 1), g.iov(buf, 2, buf+100, 3)
	reader := g.must(abi.SYS_openat, atCWD, g.str(name), abi.O_RDONLY)
	writer := g.must(abi.SYS_openat, atCWD, g.str(name), abi.O_WRONLY)
	for _, nr := range []int32{abi.SYS_write, abi.SYS_pwrite64} {
		g.fails(abi.EBADF, nr, reader, buf, 1, 0, 0)
	}
	for _, nr := range []int32{abi.SYS_read, abi.SYS_pread64} {
		g.fails(abi.EBADF, nr, writer, buf, 1, 0, 0)
	}
	g.fails(abi.EBADF, abi.SYS_pwritev, reader, two, 3, 0, 0)
	g.fails(abi.EBADF, abi.SYS_preadv, writer, two, 3, 0, 0)
	g.fails(abi.EBADF, abi.SYS_fallocate, reader, 0, 0, 0, 5, 0)
	g.fails(abi.EINVAL, abi.SYS_ftruncate64, reader, 0, 0)

	// Vectors and pointers.
	g.fails(abi.EINVAL, abi.SYS_readv, f, into, 1025)
	g.fails(abi.EINVAL, abi.SYS_readv, f, into, ^uint32(0))
	g.fails(abi.EINVAL, abi.SYS_pwritev, f, g.iov(0, memSize, 0, memSize), 2, 0, 0)
	g.fails(abi.EFAULT, abi.SYS_readv, f, memSize-4, 1)
	g.fails(abi.EFAULT, abi.SYS_readv, f, g.iov(memSize, 1), 1)
	for _, nr := range []int32{abi.SYS_pread64, abi.SYS_pwrite64, abi.SYS_read, abi.SYS_write} {
		g.fails(abi.EFAULT, nr, f, memSize-1, 2, 0, 0)
	}
}

// testNoFile has a pipe, and descriptors that are not open, in a file's place.
func testNoFile(g *guest) {
	buf := g.alloc(4096)
	into := g.iov(buf, 2, buf+100, 3)
	fds := g.alloc(8)
	g.must(abi.SYS_pipe2, fds, abi.O_NONBLOCK|abi.O_CLOEXEC)
	pipe := g.u32(fds)
	for _, nr := range []int32{abi.SYS_pread64, abi.SYS_pwrite64, abi.SYS_preadv, abi.SYS__llseek, abi.SYS_sync_file_range, abi.SYS_fadvise64_64, abi.SYS_fallocate, abi.SYS_ftruncate64} {
		g.fails(abi.ESPIPE, nr, pipe, into, 1, 0, 0)
	}
	g.fails(abi.EINVAL, abi.SYS_fsync, pipe)
	g.fails(abi.EINVAL, abi.SYS_syncfs, pipe)
	for _, nr := range []int32{abi.SYS_pread64, abi.SYS_pwrite64, abi.SYS_preadv, abi.SYS_sync_file_range, abi.SYS_fadvise64_64, abi.SYS_fallocate, abi.SYS_ftruncate64, abi.SYS_read, abi.SYS_readv, abi.SYS_close, abi.SYS_dup, abi.SYS_fcntl64, abi.SYS_ioctl} {
		g.fails(abi.EBADF, nr, 77, into, 1, 0, 0)
	}
	g.fails(abi.EAGAIN, abi.SYS_read, pipe, buf, 1)
	g.fails(abi.EBADF, abi.SYS_write, pipe, buf, 1)
	g.fails(abi.EFAULT, abi.SYS_pipe2, memSize, 0)
}

// TestMappings: a file and memory without a file are mapped shared; what the guest's libc does itself is refused.
func TestMappings(t *testing.T) {
	const rw = 3
	inGuest(t, func(g *guest) {
		f := g.open("/f")
		g.must(abi.SYS_ftruncate64, f, 8192, 0)
		g.must(abi.SYS_pwrite64, f, g.str("second"), 6, 4096, 0)
		at := g.must(abi.SYS_mmap2, 0, 4096, rw, abi.MAP_SHARED, f, 1)
		if got := g.text(at, 6); got != "second" || at < abi.ArenaLow || at >= abi.ArenaHigh {
			t.Errorf("mapped %q at %#x", got, at)
		}
		copy(g.mem[at:], "SEC")
		buf := g.alloc(16)
		g.want(6, abi.SYS_pread64, f, buf, 6, 4096, 0)
		if got := g.text(buf, 6); got != "SECond" {
			t.Errorf("the file has %q", got)
		}
		anonymous := g.must(abi.SYS_mmap2, 0, 100, rw, abi.MAP_SHARED|abi.MAP_ANONYMOUS, ^uint32(0), 0)
		g.mem[anonymous] = 1
		g.must(abi.SYS_munmap, at, 4096)
		if g.mem[at] != 0 {
			t.Error("what was mapped is still there")
		}
		g.fails(abi.EINVAL, abi.SYS_munmap, at, 4096)
		if again := g.must(abi.SYS_mmap2, 0, 4096, rw, abi.MAP_SHARED, f, 0); again != at {
			t.Errorf("the free place at %#x was not taken again, but %#x", at, again)
		}
		g.fails(abi.ENODEV, abi.SYS_mmap2, 0, 4096, rw, 2, f, 0)
		g.fails(abi.EBADF, abi.SYS_mmap2, 0, 4096, rw, abi.MAP_SHARED, 77, 0)
		g.fails(abi.ENXIO, abi.SYS_mmap2, 0, 4096, rw, abi.MAP_SHARED, f, 2)
		g.fails(abi.ENODEV, abi.SYS_mmap2, 0, 4096, rw, abi.MAP_SHARED, g.open("/mem/f"), 0)

		// SysV segments.
		id := g.must(abi.SYS_shmget, 5, 8192, abi.IPC_CREAT|0o600)
		g.want(int32(id), abi.SYS_shmget, 5, 0, 0)
		g.fails(abi.EEXIST, abi.SYS_shmget, 5, 0, abi.IPC_CREAT|abi.IPC_EXCL)
		g.fails(abi.EINVAL, abi.SYS_shmget, 5, 10000, 0)
		g.fails(abi.ENOENT, abi.SYS_shmget, 6, 0, 0)
		seg := g.must(abi.SYS_shmat, id, 0, 0)
		stat := g.alloc(abi.SizeofShmidDs)
		g.must(abi.SYS_shmctl, id, abi.IPC_STAT, stat)
		if size, n := g.u32(stat+abi.OffShmSegsz), g.u32(stat+abi.OffShmNattch); size != 8192 || n != 1 {
			t.Errorf("segment of %d bytes, %d times attached", size, n)
		}
		g.fails(abi.EINVAL, abi.SYS_shmat, id, seg, 0)
		g.fails(abi.EINVAL, abi.SYS_shmat, id, 4096, 0)
		g.must(abi.SYS_shmat, id, seg+0x100_0000, 0)
		g.must(abi.SYS_shmctl, id, abi.IPC_RMID, 0)
		g.fails(abi.ENOENT, abi.SYS_shmget, 5, 0, 0)
		g.must(abi.SYS_shmdt, seg)
		g.must(abi.SYS_shmdt, seg+0x100_0000)
		g.fails(abi.EINVAL, abi.SYS_shmdt, seg)
		for _, nr := range []int32{abi.SYS_shmctl, abi.SYS_shmat} {
			g.fails(abi.EINVAL, nr, id, abi.IPC_STAT, stat)
			g.fails(abi.EINVAL, nr, ^uint32(0), abi.IPC_STAT, stat)
		}
		id = g.must(abi.SYS_shmget, 0, 8192, abi.IPC_CREAT|0o600)
		g.fails(abi.EINVAL, abi.SYS_shmctl, id, 99, 0)
		g.fails(abi.EFAULT, abi.SYS_shmctl, id, abi.IPC_STAT, memSize)
		g.must(abi.SYS_shmctl, id, abi.IPC_RMID|abi.IPC_TIME64, 0)
	})
}
