package kernel_test

import (
	"encoding/binary"
	"testing"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vfs"
)

// want fails the test unless a call returns ret.
func (g *guest) want(ret, nr int32, args ...uint32) {
	g.t.Helper()
	if got := g.sys(nr, args...); got != ret {
		g.t.Errorf("%s%v = %d, want %d", abi.SyscallName(nr), args, got, ret)
	}
}

// fails fails the test unless a call fails with e.
func (g *guest) fails(e abi.Errno, nr int32, args ...uint32) {
	g.t.Helper()
	g.want(-int32(e), nr, args...)
}

// open opens a file for reading and writing; it is made if it does not exist.
func (g *guest) open(name string) uint32 {
	g.t.Helper()
	return g.must(abi.SYS_openat, atCWD, g.str(name), abi.O_CREAT|abi.O_RDWR, 0o600)
}

func (g *guest) u64(p uint32) uint64      { return binary.LittleEndian.Uint64(g.mem[p:]) }
func (g *guest) put64(p uint32, v uint64) { binary.LittleEndian.PutUint64(g.mem[p:], v) }
func (g *guest) u16(p uint32) uint16      { return binary.LittleEndian.Uint16(g.mem[p:]) }
func (g *guest) text(p, n uint32) string  { return string(g.mem[p : p+n]) }
func (g *guest) iov(pairs ...uint32) uint32 {
	p := g.alloc(uint32(4 * len(pairs)))
	for i, v := range pairs {
		g.put32(p+uint32(4*i), v)
	}
	return p
}

// inGuest runs test as the only program of a kernel whose files lie in a directory of the host: its calls reach the
// host's, as those of a server do.
func inGuest(t *testing.T, test func(g *guest), more ...func(*kernel.Config)) {
	t.Helper()
	dir, err := vfs.NewDir(t.TempDir(), vfs.DirOptions{})
	if err != nil {
		t.Skip("needs a host directory:", err)
	}
	defer dir.Close()
	root, err := vfs.NewNamespace(map[string]vfs.FS{"/": dir, "/dev": vfs.NewDev(), "/mem": vfs.NewMem(vfs.MemOptions{})})
	if err != nil {
		t.Fatal(err)
	}
	cfg := kernel.Config{FS: root, Program: func(path string) kernel.Module {
		if path == "/bin/test" {
			return module{t, func(g *guest, _ []string) int { test(g); return 0 }}
		}
		return nil
	}}
	for _, f := range more {
		f(&cfg)
	}
	k, err := kernel.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/test"}})
	if err != nil {
		t.Fatal(err)
	}
	if st := p.Wait(); st != (kernel.Status{}) {
		t.Errorf("status %+v", st)
	}
}
