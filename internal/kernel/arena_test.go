//go:build linux

package kernel_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/testenv"
)

// TestSharedWithoutFile: shared memory may be larger than a file.
func TestSharedWithoutFile(t *testing.T) {
	if !testenv.InChild(t) {
		return
	}
	testenv.Limit(t, unix.RLIMIT_FSIZE, 1<<20)
	const size = 3<<20 + 100
	run(t, map[string]program{
		"/bin/parent": func(g *guest, _ []string) int {
			p := g.must(abi.SYS_shmat, g.must(abi.SYS_shmget, 7, size, 0o1600), 0, 0)
			g.put32(p+size-4, 1234)
			if st := g.wait(g.spawn("/bin/child")); st != 0 || g.u32(p) != 5678 {
				t.Errorf("the child ends with %#x and has left %d", st, g.u32(p))
			}
			g.must(abi.SYS_shmdt, p)
			return 0
		},
		"/bin/child": func(g *guest, _ []string) int {
			p := g.must(abi.SYS_shmat, g.must(abi.SYS_shmget, 7, 0, 0), 0, 0)
			g.put32(p, 5678)
			if g.u32(p+size-4) != 1234 {
				return 1
			}
			q := g.must(abi.SYS_mmap2, 0, size, 3, 0x21, ^uint32(0), 0)
			g.put32(q, 1)
			g.must(abi.SYS_munmap, q, size)
			return 0
		},
	}, "/bin/parent")
}

// TestArenaFull: shared memory that does not fit is ENOMEM, however much too large it is; EINVAL would be a fault of the caller's.
func TestArenaFull(t *testing.T) {
	const shared = 0x21 // MAP_SHARED | MAP_ANONYMOUS
	const arena = 0x6000_0000 - 0x0080_0000
	run(t, map[string]program{"/bin/x": func(g *guest, _ []string) int {
		mmap := func(size uint32) int32 { return g.sys(abi.SYS_mmap2, 0, size, 3, shared, ^uint32(0), 0) }
		for _, size := range []uint32{arena + 1, 0x7000_0000, 0xffff_f000} {
			if ret := mmap(size); ret != -int32(abi.ENOMEM) {
				t.Errorf("mmap of %#x bytes = %d", size, ret)
			}
			if ret := g.sys(abi.SYS_shmget, 0, size, 0o1600); ret != -int32(abi.ENOMEM) {
				t.Errorf("shmget of %#x bytes = %d", size, ret)
			}
		}
		g.must(abi.SYS_mmap2, 0, arena, 3, shared, ^uint32(0), 0)
		if ret := mmap(4096); ret != -int32(abi.ENOMEM) {
			t.Errorf("mmap into a full arena = %d", ret)
		}
		for _, ret := range []int32{mmap(0), g.sys(abi.SYS_shmget, 0, 0, 0o1600)} {
			if ret != -int32(abi.EINVAL) {
				t.Errorf("nothing was mapped: %d", ret)
			}
		}
		return 0
	}}, "/bin/x")
}
