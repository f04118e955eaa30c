//go:build linux

package kernel_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/ring"
)

// accepting listens at /s and runs serve on each of n connections.
func accepting(listening chan struct{}, n int, serve func(g *guest, conn uint32)) program {
	return func(g *guest, _ []string) int {
		fd := g.must(abi.SYS_socket, 1, 1, 0)
		sa := g.bytes(append([]byte{1, 0}, "/s\x00"...))
		g.must(abi.SYS_bind, fd, sa, 5)
		g.must(abi.SYS_listen, fd, 10)
		close(listening)
		for range n {
			conn := g.must(abi.SYS_accept4, fd, 0, 0, 0)
			serve(g, conn)
			g.must(abi.SYS_close, conn)
		}
		return 0
	}
}

// dial pushes a new connection.
func dial(t *testing.T, k *kernel.Kernel) *ring.Conn {
	t.Helper()
	c, end, err := ring.New()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Push("/s", kernel.Conn{Ring: end, Peer: kernel.InProcess()}); err != nil {
		t.Fatal(err)
	}
	return c
}

// ringGuest is the guest's side of TestRing.
type ringGuest struct {
	*guest
	conn, pipe, polls uint32
}

const (
	pollIn, pollOut, pollHup, pollRdhup = 1, 4, 0x10, 0x2000
)

// polled waits for events of the connection, and for something in the pipe beside it.
func (g *ringGuest) polled(events uint32, ms uint32) (int32, uint32) {
	g.put32(g.polls, g.conn)
	g.put32(g.polls+4, events)
	g.put32(g.polls+8, g.u32(g.pipe))
	g.put32(g.polls+12, pollIn)
	ts := g.alloc(16)
	g.put32(ts+8, ms*1000000)
	return g.sys(abi.SYS_ppoll_time64, g.polls, 2, ts, 0, 0), g.u32(g.polls+4) >> 16
}

// names asks for the addresses and options.
func (g *ringGuest) names() {
	addr, size, val := g.alloc(128), g.alloc(4), g.alloc(4)
	for _, nr := range []int32{abi.SYS_getsockname, abi.SYS_getpeername} {
		g.put32(size, 128)
		g.must(nr, g.conn, addr, size)
		if g.mem[addr] != 2 || g.mem[addr+7] != 1 {
			g.t.Errorf("address % x", g.mem[addr:addr+8])
		}
	}
	g.put32(val, 1)
	g.must(abi.SYS_setsockopt, g.conn, abi.IPPROTO_TCP, abi.TCP_NODELAY, val, 4)
	for opt, want := range map[uint32]uint32{abi.SO_TYPE: 1, abi.SO_ERROR: 0, abi.SO_RCVBUF: ring.Size} {
		g.put32(size, 4)
		g.must(abi.SYS_getsockopt, g.conn, abi.SOL_SOCKET, opt, val, size)
		if got := g.u32(val); got != want {
			g.t.Errorf("option %d is %d", opt, got)
		}
	}
}

// talk reads "hello" and the end, when it has asked for each with "?", and ends its own side.
func (g *ringGuest) talk() {
	t := g.t
	if n, r := g.polled(pollIn, 1); n != 0 || r != 0 {
		t.Errorf("nothing is there: %d, %#x", n, r)
	}
	if n, r := g.polled(pollIn|pollOut, 1); n != 1 || r != pollOut {
		t.Errorf("there is room: %d, %#x", n, r)
	}
	buf := g.alloc(100)
	if got := g.sys(abi.SYS_recvfrom, g.conn, buf, 100, 0x40, 0, 0); got != -int32(abi.EAGAIN) {
		t.Errorf("recv gives %d", got)
	}
	g.must(abi.SYS_sendto, g.conn, g.str("?"), 1, 0x4000, 0, 0)
	if n, r := g.polled(pollIn, 900); n != 1 || r != pollIn {
		t.Errorf("something came: %d, %#x", n, r)
	}
	g.must(abi.SYS_recvfrom, g.conn, buf, 1, 2, 0, 0) // peek
	if n := g.must(abi.SYS_read, g.conn, buf, 100); n != 5 || string(g.mem[buf:buf+5]) != "hello" {
		t.Errorf("read %d, %q", n, g.mem[buf:buf+5])
	}
	g.must(abi.SYS_sendto, g.conn, g.str("?"), 1, 0, 0, 0)
	if n, r := g.polled(pollIn|pollRdhup, 900); n != 1 || r != pollIn|pollRdhup {
		t.Errorf("the other side wrote its last: %d, %#x", n, r)
	}
	if n := g.must(abi.SYS_recvfrom, g.conn, buf, 100, 0, 0, 0); n != 0 {
		t.Errorf("%d bytes after the end", n)
	}
	g.must(abi.SYS_write, g.u32(g.pipe+4), g.str("p"), 1)
	if n, _ := g.polled(pollOut, 900); n != 2 || g.u32(g.polls+12)>>16 != pollIn {
		t.Errorf("the pipe is readable too: %d, %#x", n, g.u32(g.polls+12))
	}
	g.must(abi.SYS_shutdown, g.conn, 1)
	if got := g.sys(abi.SYS_sendto, g.conn, g.str("?"), 1, 0, 0, 0); got != -32 {
		t.Errorf("write after shutdown: %d", got)
	}
	if n, r := g.polled(pollOut, 900); n != 2 || r != pollOut|pollHup {
		t.Errorf("both ways are shut: %d, %#x", n, r)
	}
}

// TestRing: what PostgreSQL does to a client's socket works on a connection within the program.
func TestRing(t *testing.T) {
	listening := make(chan struct{})
	served := false
	k := newKernel(t, map[string]program{"/bin/x": accepting(listening, 1, func(g *guest, conn uint32) {
		r := &ringGuest{g, conn, g.alloc(8), g.alloc(16)}
		g.must(abi.SYS_pipe2, r.pipe, 0)
		r.names()
		r.talk()
		served = true
	})})
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}})
	if err != nil {
		t.Fatal(err)
	}
	<-listening
	c := dial(t, k)
	defer c.Close()
	b := make([]byte, 10)
	if _, err := io.ReadFull(c, b[:1]); err != nil {
		t.Error(err)
	}
	time.Sleep(2 * time.Millisecond)
	c.Write([]byte("hello"))
	if _, err := io.ReadFull(c, b[:1]); err != nil {
		t.Error(err)
	}
	time.Sleep(2 * time.Millisecond)
	c.CloseWrite()
	if _, err := c.Read(b); err != io.EOF {
		t.Error(err)
	}
	if s := p.Wait(); s != (kernel.Status{}) || !served {
		t.Error(s, served)
	}
}

// TestRingBlocking: a guest that has not asked for O_NONBLOCK sleeps in its calls, until a signal.
func TestRingBlocking(t *testing.T) {
	listening, sleeping := make(chan struct{}), make(chan struct{})
	k := newKernel(t, map[string]program{"/bin/x": accepting(listening, 2, func(g *guest, conn uint32) {
		buf := g.alloc(300 << 10)
		for {
			n := g.sys(abi.SYS_recvfrom, conn, buf, 300<<10, 0, 0, 0)
			if n <= 0 {
				if n == -int32(abi.EINTR) {
					g.clearPending(^uint32(0))
					close(sleeping)
				}
				return
			}
			for off := uint32(0); off < uint32(n); {
				off += g.must(abi.SYS_sendto, conn, buf+off, uint32(n)-off, 0, 0, 0)
			}
		}
	})})
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}})
	if err != nil {
		t.Fatal(err)
	}
	<-listening
	c := dial(t, k)
	want := make([]byte, 3<<20)
	rand.Read(want)
	go func() {
		c.Write(want)
		c.CloseWrite()
	}()
	if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	c.Close()
	c = dial(t, k)
	time.Sleep(5 * time.Millisecond)
	p.Signal(abi.SIGUSR1)
	<-sleeping
	if _, err := c.Read(want); err != io.EOF {
		t.Error(err)
	}
	c.Close()
	p.Wait()
}

// TestRingDies: a process that is killed ends its connections, and one that nobody accepts ends with the kernel.
func TestRingDies(t *testing.T) {
	listening := make(chan struct{})
	k := newKernel(t, map[string]program{"/bin/x": accepting(listening, 1, func(g *guest, conn uint32) {
		g.sys(abi.SYS_recvfrom, conn, g.alloc(16), 16, 0, 0, 0)
	})})
	p, err := k.Run(kernel.Command{Argv: []string{"/bin/x"}})
	if err != nil {
		t.Fatal(err)
	}
	<-listening
	before := countFDs(t)
	c, waiting := dial(t, k), dial(t, k)
	go func() { time.Sleep(5 * time.Millisecond); p.Signal(abi.SIGKILL) }()
	for _, conn := range []*ring.Conn{c, waiting} {
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		if _, err := conn.Write([]byte("x")); err == nil {
			t.Error("a write to nobody succeeds")
		}
	}
	p.Wait()
	k.Close()
	c.Close()
	waiting.Close()
	if after := countFDs(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}
