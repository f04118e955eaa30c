//go:build linux

package kernel_test

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/testenv"
	"nself.org/embeddedpg/internal/vfs"
)

// TestDescriptorsRunShort: a process that hoards descriptors is told to give some up while others may still open theirs, and none is
// started that could not.
func TestDescriptorsRunShort(t *testing.T) {
	if !testenv.InChild(t) {
		return
	}
	const limit = 200
	testenv.Limit(t, unix.RLIMIT_NOFILE, limit)
	host, err := vfs.NewDir(t.TempDir(), vfs.DirOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	root, err := vfs.NewNamespace(map[string]vfs.FS{"/": host, "/dev": vfs.NewDev()})
	if err != nil {
		t.Fatal(err)
	}
	var refused []string
	open := func(g *guest, name string) int32 {
		return g.sys(abi.SYS_openat, atCWD, g.str(name), openRW|vfs.O_CLOEXEC, 0o600)
	}
	programs := map[string]program{
		"/bin/hoarder": func(g *guest, _ []string) int {
			var fds []int32
			for {
				fd := open(g, fmt.Sprint("/", len(fds)))
				if fd < 0 {
					if fd != -int32(abi.EMFILE) || len(fds) > 110 || len(fds) < 80 {
						t.Errorf("open %d = %d", len(fds), fd)
					}
					break
				}
				fds = append(fds, fd)
			}
			if st := g.wait(g.spawn("/bin/modest")); st != 0 {
				t.Errorf("status %#x", st)
			}
			for len(refused) == 0 && len(fds) < 1000 { // the program itself takes the rest
				f, err := os.Open("/dev/null")
				if err != nil {
					t.Error(err)
					break
				}
				defer f.Close()
				fds = append(fds, -1)
				if f.Fd() >= limit-64 {
					v := g.alloc(12)
					g.put32(v, g.str("/bin/modest"))
					g.put32(v+4, g.str("--one-more"))
					if ret := g.sys(abi.SYS_spawn, v, 0, 0); ret != -int32(abi.EMFILE) {
						t.Errorf("spawn = %d", ret)
					}
				}
			}
			return 0
		},
		"/bin/modest": func(g *guest, _ []string) int {
			for i := range 5 {
				g.must(abi.SYS_openat, atCWD, g.str(fmt.Sprint("/modest", i)), openRW|vfs.O_CLOEXEC, 0o600)
			}
			return 0
		},
	}
	k, err := kernel.New(kernel.Config{
		FS: root, Program: func(path string) kernel.Module { return module{t, programs[path]} },
		Refused: func(argv []string) { refused = argv },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/hoarder"}})
	if err != nil {
		t.Fatal(err)
	}
	if st := p.Wait(); st.Code != 0 || len(refused) != 2 || refused[1] != "--one-more" {
		t.Errorf("status %+v, refused %v", st, refused)
	}
}
