package kernel_test

import (
	"testing"

	"nself.org/embeddedpg/internal/abi"
)

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
