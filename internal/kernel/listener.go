package kernel

// Listening sockets of the guest, whose queues Push and connect fill. Queue and shutd are guarded
// by Kernel.mu; ready is readable exactly while the queue is not empty, so poll needs no lock.

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/ring"
	"nself.org/embeddedpg/internal/vfs"
)

// inProcess is the peer address of a connection that the host program made to a server inside itself. It lies
// in "this network" (RFC 1122, 3.2.1.3), so no packet from a real peer can carry it.
var inProcess = netip.AddrPortFrom(netip.AddrFrom4([4]byte{0, 0, 0, 1}), 0)

// InProcess returns the Conn.Peer of a connection made by the host program itself.
func InProcess() netip.AddrPort { return inProcess }

// Conn is an accepted connection: a host socket, or a ring. The kernel closes it.
type Conn struct {
	FD   int            // a connected, non-blocking stream socket of the host, if Ring is nil
	Ring *ring.Guest    // one end of a connection within the program
	Peer netip.AddrPort // not valid: a Unix socket
}

func (c Conn) close() {
	if c.Ring != nil {
		c.Ring.Close()
		return
	}
	closeHost(c.FD)
}

// backlog is how many pushed connections may wait for accept before Push fails: PostgreSQL's own backlog is
// twice max_connections.
const backlog = 4096

// listener is a listening socket of the guest. Its queue is filled by Push and by connect.
type listener struct {
	k     *Kernel
	path  string // of a Unix socket; of one of the network its address and port
	ready event  // readable while the queue is not empty
	queue []Conn // guarded by Kernel.mu
	shutd bool   // guarded by Kernel.mu
}

func (l *listener) fastPath() (uint64, uint32) { return uint64(l.ready.r), FastPathPoll }
func (l *listener) readiness() int             { return l.ready.r }

func (l *listener) stat() (vfs.Stat, abi.Errno) {
	return vfs.Stat{Mode: vfs.S_IFSOCK | 0o777, Nlink: 1, Blksize: 4096}, 0
}

func (l *listener) close() {
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	if l.k.mu.listeners[l.path] == l {
		delete(l.k.mu.listeners, l.path)
	}
	l.shutLocked()
}

// shutLocked drops what waits in the queue.
func (l *listener) shutLocked() {
	if l.shutd {
		return
	}
	l.shutd = true
	for _, c := range l.queue {
		c.close()
	}
	l.queue = nil
	l.ready.close()
}

// Push hands a connection to the process that listens at the guest path. It takes over c in any case.
func (k *Kernel) Push(path string, c Conn) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.mu.listeners[path]
	if l == nil || len(l.queue) >= backlog {
		c.close()
		if l == nil {
			return fmt.Errorf("push connection: nobody listens at %s", path)
		}
		return fmt.Errorf("push connection: %d connections wait at %s already", backlog, path)
	}
	l.queue = append(l.queue, c)
	l.ready.signal()
	return nil
}

// listen turns a bound Unix socket into a listener.
func (p *Process) listen(a *[6]int32) (int32, abi.Errno) {
	f, s, e := p.sock(a[0])
	if e != 0 {
		if f := p.file(a[0]); f != nil {
			if _, ok := f.object.(*listener); ok {
				return 0, 0
			}
		}
		return 0, e
	}
	if s.path == "" {
		return 0, abi.EINVAL
	}
	ready, err := newEvent()
	if err != nil {
		return 0, errnoOf(err)
	}
	l := &listener{k: p.k, path: s.path, ready: ready}
	p.k.mu.Lock()
	if p.k.mu.listeners[s.path] != nil {
		p.k.mu.Unlock()
		ready.close()
		return 0, abi.EADDRINUSE
	}
	p.k.mu.listeners[s.path] = l
	p.k.mu.Unlock()
	s.close()
	f.object = l
	p.showFastPath(int(a[0]))
	return 0, 0
}

// accept4(fd, addr, *addrlen, flags)
func (p *Process) accept4(a *[6]int32) (int32, abi.Errno) {
	f := p.file(a[0])
	if f == nil {
		return 0, abi.EBADF
	}
	l, ok := f.object.(*listener)
	if !ok {
		return 0, abi.EINVAL
	}
	for {
		c, ok := l.pop()
		if ok {
			return p.acceptConn(a, c)
		}
		if f.nonblock() {
			return 0, abi.EAGAIN
		}
		if _, e := p.waitReady(l.ready.r, unix.POLLIN); e != 0 {
			return 0, e
		}
	}
}

func (l *listener) pop() (Conn, bool) {
	l.k.mu.Lock()
	defer l.k.mu.Unlock()
	if len(l.queue) == 0 {
		return Conn{}, false
	}
	c := l.queue[0]
	l.queue = l.queue[1:]
	if len(l.queue) == 0 {
		l.ready.drain()
	}
	return c, true
}

func (p *Process) acceptConn(a *[6]int32, c Conn) (int32, abi.Errno) {
	peer := ipAddress(c.Peer)
	s := &stream{fd: c.FD, ring: c.Ring, domain: peer.family, typ: abi.SOCK_STREAM, peer: c.Peer, pushed: true}
	if e := p.putAddress(a[1], a[2], peer); e != 0 {
		s.close()
		return 0, e
	}
	flags := uint32(vfs.O_RDWR) | uint32(a[3])&abi.SOCK_NONBLOCK
	return p.install(newOpenFile(s, flags), uint32(a[3])&abi.SOCK_CLOEXEC != 0, 0)
}

func (p *Process) accept(a *[6]int32) (int32, abi.Errno) {
	return p.accept4(&[6]int32{a[0], a[1], a[2]})
}
