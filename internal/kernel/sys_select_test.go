package kernel_test

import (
	"testing"

	"nself.org/embeddedpg/internal/abi"
)

func TestSelect(t *testing.T) {
	run(t, map[string]program{"/bin/x": func(g *guest, _ []string) int {
		fds := g.alloc(8)
		g.must(abi.SYS_pipe2, fds, 0)
		r, w := g.u32(fds), g.u32(fds+4)
		read, write, soon := g.alloc(8), g.alloc(8), g.alloc(16)
		g.put32(soon+8, 5e6) // 5 ms
		sel := func(rset, wset uint32) int32 {
			g.put32(read, rset)
			g.put32(write, wset)
			return g.sys(abi.SYS_pselect6_time64, 32, read, write, 0, soon, 0)
		}
		if ret := sel(1<<r, 0); ret != 0 || g.u32(read) != 0 {
			t.Errorf("select on an empty pipe = %d, set %#x", ret, g.u32(read))
		}
		if ret := sel(1<<r, 1<<w); ret != 1 || g.u32(read) != 0 || g.u32(write) != 1<<w {
			t.Errorf("select for writing = %d, sets %#x %#x", ret, g.u32(read), g.u32(write))
		}
		g.must(abi.SYS_write, w, g.str("x"), 1)
		if ret := sel(1<<r, 1<<w); ret != 2 || g.u32(read) != 1<<r || g.u32(write) != 1<<w {
			t.Errorf("select for both = %d, sets %#x %#x", ret, g.u32(read), g.u32(write))
		}
		g.must(abi.SYS_read, r, g.alloc(4), 1)
		g.must(abi.SYS_close, w)
		if ret := sel(1<<r, 0); ret != 1 || g.u32(read) != 1<<r {
			t.Errorf("select at the end of a pipe = %d, set %#x", ret, g.u32(read))
		}
		if ret := sel(1<<w, 0); ret != -int32(abi.EBADF) {
			t.Errorf("select on a closed descriptor = %d", ret)
		}
		if ret := g.sys(abi.SYS_pselect6_time64, 1025, read, 0, 0, soon, 0); ret != -int32(abi.EINVAL) {
			t.Errorf("select on too many = %d", ret)
		}
		return 0
	}}, "/bin/x")
}
