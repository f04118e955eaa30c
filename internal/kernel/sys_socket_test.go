package kernel_test

import (
	"net"
	"net/netip"
	"path/filepath"
	"testing"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
)

// unixAddr returns a struct sockaddr_un; its size is that of the name and 3.
func (g *guest) unixAddr(name string) uint32 {
	return g.bytes(append([]byte{abi.AF_UNIX, 0}, name+"\x00"...))
}

func (g *guest) inetAddr(port uint16) uint32 {
	return g.bytes([]byte{abi.AF_INET, 0, byte(port >> 8), byte(port), 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
}

// name returns what getsockname or getpeername says.
func (g *guest) name(nr int32, fd uint32) []byte {
	g.t.Helper()
	addr, n := g.alloc(abi.SizeofSockaddrUn), g.alloc(4)
	g.put32(n, abi.SizeofSockaddrUn)
	g.must(nr, fd, addr, n)
	return g.mem[addr : addr+g.u32(n)]
}

func TestSocketPair(t *testing.T) {
	inGuest(t, func(g *guest) {
		fds, buf := g.alloc(8), g.alloc(4096)
		g.must(abi.SYS_socketpair, abi.AF_UNIX, abi.SOCK_STREAM|abi.SOCK_CLOEXEC, 0, fds)
		a, b := g.u32(fds), g.u32(fds+4)
		g.want(5, abi.SYS_sendto, a, g.str("hello"), 5, abi.MSG_NOSIGNAL, 0, 0)
		g.want(2, abi.SYS_recvfrom, b, buf, 2, abi.MSG_PEEK, 0, 0)
		// A vector takes what has come, and does not wait for the rest of its room.
		g.want(5, abi.SYS_readv, b, g.iov(0, 0, buf, 2, buf+2, 100), 3)
		g.fails(abi.EAGAIN, abi.SYS_recvfrom, b, buf, 2, abi.MSG_DONTWAIT, 0, 0)
		g.want(4, abi.SYS_writev, a, g.iov(g.str("ab"), 2, g.str("cd"), 2), 2)

		// Messages, as musl's resolver uses them.
		msg := g.alloc(abi.SizeofMsghdr)
		g.put32(msg+abi.OffMsghdrIov, g.iov(buf, 100))
		g.put32(msg+abi.OffMsghdrIovlen, 1)
		g.want(4, abi.SYS_recvmsg, b, msg, 0)
		g.want(100, abi.SYS_sendmsg, a, msg, 0)
		g.want(100, abi.SYS_recvmsg, b, msg, 0)
		g.fails(abi.EAGAIN, abi.SYS_recvmsg, b, msg, abi.MSG_DONTWAIT)
		g.put32(msg+abi.OffMsghdrIovlen, 2)
		g.fails(abi.EOPNOTSUPP, abi.SYS_recvmsg, b, msg, 0)
		g.put32(msg+abi.OffMsghdrIovlen, 5000)
		for _, nr := range []int32{abi.SYS_recvmsg, abi.SYS_sendmsg} {
			g.fails(abi.EINVAL, nr, b, msg, 0)
			g.fails(abi.EFAULT, nr, b, memSize, 0)
			g.fails(abi.EBADF, nr, 77, msg, 0)
		}
		g.put32(msg+abi.OffMsghdrIovlen, 1)
		g.put32(msg+abi.OffMsghdrName, buf)
		g.fails(abi.EOPNOTSUPP, abi.SYS_sendmsg, a, msg, 0)

		g.fails(abi.EOPNOTSUPP, abi.SYS_sendto, a, buf, 1, 1, 0, 0)
		g.fails(abi.EOPNOTSUPP, abi.SYS_recvfrom, a, buf, 1, 1, 0, 0)
		g.fails(abi.EFAULT, abi.SYS_sendto, a, memSize, 1, 0, 0, 0)
		g.fails(abi.EFAULT, abi.SYS_recvfrom, a, memSize, 1, 0, 0, 0)
		g.fails(abi.ENOTSOCK, abi.SYS_sendto, g.open("/f"), buf, 1, 0, 0, 0)
		g.fails(abi.EBADF, abi.SYS_recvfrom, 77, buf, 1, 0, 0, 0)
		if got := g.name(abi.SYS_getsockname, a); got[0] != abi.AF_UNIX {
			t.Errorf("own name % x", got)
		}
		if got := g.name(abi.SYS_getpeername, a); got[0] != abi.AF_UNIX {
			t.Errorf("peer's name % x", got)
		}

		g.must(abi.SYS_shutdown, a, 1)
		g.want(0, abi.SYS_read, b, buf, 10)
		g.fails(abi.EPIPE, abi.SYS_write, a, buf, 10)
		g.fails(abi.EOPNOTSUPP, abi.SYS_socketpair, abi.AF_INET, abi.SOCK_STREAM, 0, fds)
		g.fails(abi.EFAULT, abi.SYS_socketpair, abi.AF_UNIX, abi.SOCK_STREAM, 0, memSize)
		g.fails(abi.EAFNOSUPPORT, abi.SYS_socket, 99, abi.SOCK_STREAM, 0)
		g.fails(abi.EINVAL, abi.SYS_socket, abi.AF_UNIX, abi.SOCK_DGRAM, 0)
	})
}

// TestBlockingWrite: a write that may block returns when all is written, whatever the host takes at a time.
func TestBlockingWrite(t *testing.T) {
	const n = 400_000
	inGuest(t, func(g *guest) {
		buf := g.alloc(n)
		for _, call := range []int32{abi.SYS_socketpair, abi.SYS_pipe2} {
			fds := g.alloc(8)
			if call == abi.SYS_pipe2 {
				g.must(call, fds, 0)
			} else {
				g.must(call, abi.AF_UNIX, abi.SOCK_STREAM, 0, fds+0)
				first := g.u32(fds)
				g.put32(fds, g.u32(fds+4))
				g.put32(fds+4, first)
			}
			argv := g.alloc(8)
			g.put32(argv, g.str("/bin/reader"))
			child := g.alloc(12)
			g.put32(child, g.u32(fds))
			g.put32(child+4, ^uint32(0))
			g.put32(child+8, ^uint32(0))
			pid := g.must(abi.SYS_spawn, argv, child, 0)
			g.must(abi.SYS_close, g.u32(fds))
			g.want(n, abi.SYS_write, g.u32(fds+4), buf, n)
			g.must(abi.SYS_close, g.u32(fds+4))
			if st := g.wait(pid); st != 0 {
				t.Errorf("the reader ended with %#x", st)
			}
			g.clearPending(sigCHLD) // or the next write is interrupted
		}
	}, func(cfg *kernel.Config) {
		tests := cfg.Program
		cfg.Program = func(path string) kernel.Module {
			if path != "/bin/reader" {
				return tests(path)
			}
			return module{t, func(g *guest, _ []string) int {
				for fd := uint32(3); fd < 20; fd++ { // the writer's end, which it inherited
					g.sys(abi.SYS_close, fd)
				}
				buf, total := g.alloc(30000), 0
				for total < n {
					got := g.sys(abi.SYS_read, 0, buf, 30000)
					if got <= 0 {
						return 1
					}
					total += int(got)
				}
				return 0
			}}
		}
	})
}

func TestUnixSockets(t *testing.T) {
	dir := t.TempDir()
	outside, err := net.Listen("unix", filepath.Join(dir, "host"))
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	inGuest(t, func(g *guest) {
		l := g.must(abi.SYS_socket, abi.AF_UNIX, abi.SOCK_STREAM|abi.SOCK_NONBLOCK, 0)
		g.fails(abi.EINVAL, abi.SYS_listen, l, 5)
		g.must(abi.SYS_bind, l, g.unixAddr("/sock"), 8)
		c := g.must(abi.SYS_socket, abi.AF_UNIX, abi.SOCK_STREAM, 0)
		g.fails(abi.EADDRINUSE, abi.SYS_bind, c, g.unixAddr("/sock"), 8)
		g.fails(abi.ECONNREFUSED, abi.SYS_connect, c, g.unixAddr("/sock"), 8)
		g.must(abi.SYS_listen, l, 5)
		g.must(abi.SYS_listen, l, 5)
		g.fails(abi.EAGAIN, abi.SYS_accept, l, 0, 0)
		g.must(abi.SYS_connect, c, g.unixAddr("/sock"), 8)
		s := g.must(abi.SYS_accept, l, 0, 0)
		g.want(2, abi.SYS_write, c, g.str("hi"), 2)
		buf := g.alloc(100)
		g.want(2, abi.SYS_read, s, buf, 100)
		if got := g.name(abi.SYS_getsockname, l); string(got[2:8]) != "/sock\x00" {
			t.Errorf("the listener's name is % x", got)
		}
		if got := g.name(abi.SYS_getpeername, s); got[0] != abi.AF_UNIX {
			t.Errorf("the accepted connection's peer is % x", got)
		}
		g.fails(abi.EINVAL, abi.SYS_accept, c, 0, 0)
		g.fails(abi.EBADF, abi.SYS_accept, 77, 0, 0)
		g.fails(abi.EBADF, abi.SYS_listen, 77, 5)
		g.fails(abi.ENOTSOCK, abi.SYS_getpeername, l, buf, buf)
		g.fails(abi.ENOTSOCK, abi.SYS_getsockname, g.open("/f"), buf, buf)
		g.fails(abi.EBADF, abi.SYS_getsockname, 77, buf, buf)

		h := g.must(abi.SYS_socket, abi.AF_UNIX, abi.SOCK_STREAM, 0)
		g.fails(abi.ENOENT, abi.SYS_connect, h, g.unixAddr("/none"), 8)
		g.fails(abi.EAFNOSUPPORT, abi.SYS_connect, h, g.inetAddr(1), 16)
		g.fails(abi.EINVAL, abi.SYS_bind, h, g.inetAddr(1), 16)
		g.fails(abi.EFAULT, abi.SYS_connect, h, memSize, 16)
		g.fails(abi.EINVAL, abi.SYS_connect, h, g.unixAddr(""), 1)
		g.fails(abi.ENOENT, abi.SYS_connect, h, g.unixAddr(""), 3)
		g.must(abi.SYS_connect, h, g.unixAddr("/outside"), 11)
		g.want(3, abi.SYS_write, h, g.str("out"), 3)
		conn, err := outside.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		b := make([]byte, 10)
		if n, err := conn.Read(b); string(b[:n]) != "out" {
			t.Errorf("%q, %v", b[:n], err)
		}
	}, func(cfg *kernel.Config) {
		cfg.HostPath = func(guest string) string {
			if guest == "/outside" {
				return filepath.Join(dir, "host")
			}
			return ""
		}
	})
}

// TestOutgoing: what Config.Outgoing refuses is reached by no family and no kind of socket.
func TestOutgoing(t *testing.T) {
	inGuest(t, func(g *guest) {
		socket := func(domain, typ uint32) uint32 { return g.must(abi.SYS_socket, domain, typ, 0) }
		g.fails(abi.EACCES, abi.SYS_connect, socket(abi.AF_INET, abi.SOCK_STREAM), g.inetAddr(1), 16)
		g.fails(abi.EACCES, abi.SYS_connect, socket(abi.AF_INET, abi.SOCK_DGRAM), g.inetAddr(53), 16)
		g.fails(abi.EACCES, abi.SYS_sendto, socket(abi.AF_INET, abi.SOCK_DGRAM), g.str("ping"), 4, 0, g.inetAddr(53), 16)
		mapped := make([]byte, abi.SizeofSockaddrIn6) // ::ffff:127.0.0.1
		mapped[0], mapped[3] = abi.AF_INET6, 1
		copy(mapped[abi.OffSockaddrIn6Addr+10:], []byte{255, 255, 127, 0, 0, 1})
		g.fails(abi.EACCES, abi.SYS_connect, socket(abi.AF_INET6, abi.SOCK_STREAM), g.bytes(mapped), abi.SizeofSockaddrIn6)
	}, func(cfg *kernel.Config) {
		cfg.Outgoing = func(a netip.Addr) bool { return a != netip.MustParseAddr("127.0.0.1") }
	})
}

// TestNetwork: connections to the network, and datagrams, which the resolver sends.
func TestNetwork(t *testing.T) {
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Skip("needs the loopback interface:", err)
	}
	defer tcp.Close()
	port := uint16(tcp.Addr().(*net.TCPAddr).Port)
	inGuest(t, func(g *guest) {
		val, n := g.alloc(4), g.alloc(4)
		g.put32(n, 4)
		c := g.must(abi.SYS_socket, abi.AF_INET, abi.SOCK_STREAM, 0)
		g.fails(abi.EACCES, abi.SYS_bind, c, g.inetAddr(0), 16)
		g.fails(abi.EAFNOSUPPORT, abi.SYS_connect, c, g.inetAddr(port), 8)
		g.must(abi.SYS_connect, c, g.inetAddr(port), 16)
		if got := g.name(abi.SYS_getpeername, c); got[0] != abi.AF_INET || got[2] != byte(port>>8) || got[3] != byte(port) {
			t.Errorf("peer % x", got)
		}
		if got := g.name(abi.SYS_getsockname, c); got[0] != abi.AF_INET || len(got) != abi.SizeofSockaddrIn {
			t.Errorf("own address % x", got)
		}
		g.put32(val, 1)
		g.must(abi.SYS_setsockopt, c, abi.IPPROTO_TCP, abi.TCP_NODELAY, val, 4)
		g.put32(val, 0)
		g.must(abi.SYS_getsockopt, c, abi.IPPROTO_TCP, abi.TCP_NODELAY, val, n)
		if g.u32(val) == 0 {
			t.Error("TCP_NODELAY was not set")
		}
		g.must(abi.SYS_getsockopt, c, abi.SOL_SOCKET, abi.SO_ERROR, val, n)
		g.fails(abi.ENOPROTOOPT, abi.SYS_getsockopt, c, abi.SOL_SOCKET, 99, val, n)
		g.fails(abi.ENOPROTOOPT, abi.SYS_setsockopt, c, 99, 1, val, 4)
		g.fails(abi.EINVAL, abi.SYS_setsockopt, c, abi.SOL_SOCKET, abi.SO_KEEPALIVE, val, 1)
		g.fails(abi.EFAULT, abi.SYS_setsockopt, c, abi.SOL_SOCKET, abi.SO_KEEPALIVE, memSize, 4)
		g.fails(abi.EFAULT, abi.SYS_getsockopt, c, abi.SOL_SOCKET, abi.SO_KEEPALIVE, val, memSize)
		g.must(abi.SYS_shutdown, c, 2)

		refused := g.must(abi.SYS_socket, abi.AF_INET, abi.SOCK_STREAM, 0)
		g.fails(abi.ECONNREFUSED, abi.SYS_connect, refused, g.inetAddr(1), 16)

		a := g.must(abi.SYS_socket, abi.AF_INET, abi.SOCK_DGRAM, 0)
		b := g.must(abi.SYS_socket, abi.AF_INET, abi.SOCK_DGRAM, 0)
		g.must(abi.SYS_bind, a, g.inetAddr(0), 16)
		to := g.bytes(g.name(abi.SYS_getsockname, a))
		g.want(4, abi.SYS_sendto, b, g.str("ping"), 4, 0, to, 16)
		g.fails(abi.EAFNOSUPPORT, abi.SYS_sendto, b, g.str("ping"), 4, 0, g.unixAddr("/x"), 5)
		buf, from := g.alloc(100), g.alloc(128)
		g.put32(n, 128)
		g.want(4, abi.SYS_recvfrom, a, buf, 100, 0, from, n)
		if g.mem[from] != abi.AF_INET || g.u32(n) != 16 {
			t.Errorf("from % x", g.mem[from:from+16])
		}
		g.must(abi.SYS_connect, b, to, 16)
		g.want(4, abi.SYS_write, b, g.str("pong"), 4)
		msg := g.alloc(abi.SizeofMsghdr)
		g.put32(msg+abi.OffMsghdrName, from)
		g.put32(msg+abi.OffMsghdrNamelen, 128)
		g.put32(msg+abi.OffMsghdrIov, g.iov(buf, 100))
		g.put32(msg+abi.OffMsghdrIovlen, 1)
		g.want(4, abi.SYS_recvmsg, a, msg, 0)
		if got := g.u32(msg + abi.OffMsghdrNamelen); got != 16 {
			t.Errorf("the sender's address has %d bytes", got)
		}

		six := g.must(abi.SYS_socket, abi.AF_INET6, abi.SOCK_STREAM, 0)
		addr := make([]byte, abi.SizeofSockaddrIn6)
		addr[0], addr[abi.OffSockaddrIn6Addr+15], addr[3] = abi.AF_INET6, 1, 1
		g.sys(abi.SYS_connect, six, g.bytes(addr), abi.SizeofSockaddrIn6) // refused, or there is no IPv6
		addr[abi.OffSockaddrIn6ScopeId] = 1
		g.sys(abi.SYS_connect, six, g.bytes(addr), abi.SizeofSockaddrIn6)
		g.name(abi.SYS_getsockname, six)
	})
}
