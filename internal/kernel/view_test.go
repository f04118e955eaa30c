package kernel_test

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vfs"
)

// read returns the first bytes of a file as the process sees it; "-" if it cannot be opened.
func (g *guest) read(name string) string {
	atFdcwd := int32(-100)
	fd := g.sys(abi.SYS_openat, uint32(atFdcwd), g.str(name), vfs.O_RDONLY, 0)
	if fd < 0 {
		return "-"
	}
	buf := g.alloc(64)
	n := g.must(abi.SYS_read, uint32(fd), buf, 64)
	g.must(abi.SYS_close, uint32(fd))
	return string(g.mem[buf : buf+n])
}

// TestView gives the first process, and the one that serves a connection of the host program, a file of their own.
func TestView(t *testing.T) {
	one := func(text string) vfs.FS {
		m := vfs.NewMem(vfs.MemOptions{})
		m.WriteFile("/f", []byte(text), 0o600)
		return m
	}
	seen := make(chan string, 3)
	listening := make(chan struct{})
	k := newKernelWith(t, kernel.Config{
		View: func(p *kernel.Process) kernel.Opener {
			text := ""
			switch {
			case p.First():
				text = "first"
			case p.Dialed():
				text = "dialed"
			default:
				return nil
			}
			return func(name string, _ int) (vfs.File, error) {
				if name != "/f" {
					return nil, nil
				}
				return one(text).Open("/f", vfs.O_RDONLY, 0)
			}
		},
	}, map[string]program{
		"/bin/first": func(g *guest, _ []string) int {
			seen <- g.read("/f")
			fd := g.must(abi.SYS_socket, 1, 1, 0)
			g.must(abi.SYS_bind, fd, g.bytes(append([]byte{1, 0}, "/s\x00"...)), 5)
			g.must(abi.SYS_listen, fd, 10)
			g.wait(g.spawn("/bin/child"))
			close(listening)
			g.must(abi.SYS_accept4, fd, 0, 0, 0)
			g.wait(g.spawn("/bin/child"))
			return 0
		},
		"/bin/child": func(g *guest, _ []string) int {
			seen <- g.read("/f")
			return 0
		},
	})
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/first"}})
	if err != nil {
		t.Fatal(err)
	}
	<-listening
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	if err := k.Push("/s", kernel.Conn{FD: pair[1], Peer: kernel.InProcess()}); err != nil {
		t.Fatal(err)
	}
	p.Wait()
	for _, want := range []string{"first", "-", "dialed"} {
		if got := <-seen; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestBound has a process listen on an address that the host listens on for it, and on another.
func TestBound(t *testing.T) {
	address := netip.MustParseAddrPort("127.0.0.1:5432")
	sockaddr := func(port byte) []byte { return []byte{2, 0, 0x15, port, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0} }
	k := newKernelWith(t, kernel.Config{Bound: func(a netip.AddrPort) bool { return a == address }},
		map[string]program{"/bin/x": func(g *guest, _ []string) int {
			fd := g.must(abi.SYS_socket, 2, 1, 0)
			if e := g.sys(abi.SYS_bind, fd, g.bytes(sockaddr(0x39)), 16); e != -int32(abi.EACCES) {
				t.Errorf("another port: %d", e)
			}
			own := sockaddr(0x38)
			g.must(abi.SYS_bind, fd, g.bytes(own), 16)
			g.must(abi.SYS_listen, fd, 10)
			name, size := g.alloc(16), g.alloc(4)
			g.put32(size, 16)
			g.must(abi.SYS_getsockname, fd, name, size)
			if got := g.mem[name : name+16]; string(got) != string(own) {
				t.Errorf("the socket's name is % x", got)
			}
			second := g.must(abi.SYS_socket, 2, 1, 0)
			g.must(abi.SYS_bind, second, g.bytes(own), 16)
			if e := g.sys(abi.SYS_listen, second, 10); e != -int32(abi.EADDRINUSE) {
				t.Errorf("a second listener: %d", e)
			}
			return 0
		}})
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}})
	if err != nil {
		t.Fatal(err)
	}
	p.Wait()
}
