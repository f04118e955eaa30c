package listen

import (
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/kernel"
)

// acceptPause is what the loop waits when the program is out of descriptors, as the server itself does
// (ConnCreate and ServerLoop in postmaster.c wait 0.1 s).
const acceptPause = 100 * time.Millisecond

// acceptLoop accepts until the listener is closed. The descriptors never enter Go's poller: they are
// the guest's.
func acceptLoop(l *os.File, push Push) {
	raw, err := l.SyscallConn()
	if err != nil {
		return
	}
	for {
		var fd int
		var peer unix.Sockaddr
		var accepted error
		err := raw.Read(func(listener uintptr) bool {
			fd, peer, accepted = acceptSocket(int(listener))
			return accepted != unix.EAGAIN
		})
		switch {
		case err != nil: // closed
			return
		case accepted == nil:
			serve(fd, peer, push)
		case accepted != unix.ECONNABORTED: // that one is the peer's; the others may last
			time.Sleep(acceptPause)
		}
	}
}

// serve passes on one accepted connection.
func serve(fd int, peer unix.Sockaddr, push Push) {
	conn := kernel.Conn{FD: fd}
	switch a := peer.(type) {
	case *unix.SockaddrInet4:
		conn.Peer = netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		conn.Peer = netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	if conn.Peer.IsValid() {
		// Linux 5.3 and later let an administrator use 0.0.0.0/8. This address needs no password.
		if conn.Peer.Addr() == inProcessPeer {
			unix.Close(fd)
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	}
	_ = push(conn) // it closes what it does not take: the client sees the connection end
}
