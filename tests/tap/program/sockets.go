//go:build linux

package main

import (
	"net/netip"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/listen"
	"nself.org/embeddedpg/internal/vfs"
)

// sockets is the host's files, where a guest that makes a file with the name of a server's Unix socket gets a listening
// socket of that name.
type sockets struct {
	*vfs.Host
	push func(path string, c kernel.Conn) error
	mu   sync.Mutex
	open []*listen.Listeners
}

// Open implements vfs.FS.
func (s *sockets) Open(name string, flag int, perm uint32) (vfs.File, error) {
	base := path.Base(name)
	if !strings.HasPrefix(base, ".s.PGSQL.") || strings.HasSuffix(base, ".lock") || flag&(vfs.O_CREAT|vfs.O_EXCL) != vfs.O_CREAT|vfs.O_EXCL {
		return s.Host.Open(name, flag, perm)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		unix.Close(fd)
		if err == unix.EADDRINUSE {
			err = unix.EEXIST
		}
		return nil, err
	}
	if err := unix.Listen(fd, unix.SOMAXCONN); err != nil {
		unix.Close(fd)
		return nil, err
	}
	go s.accept(fd, name)
	return s.Host.Open("/dev/null", vfs.O_RDWR, 0)
}

// accept hands on the connections of a Unix socket, until the program ends.
func (s *sockets) accept(fd int, name string) {
	for {
		conn, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err == unix.EINTR || err == unix.ECONNABORTED {
			continue
		}
		if err != nil {
			return
		}
		_ = s.hand(name, kernel.Conn{FD: conn})
	}
}

// hand pushes a connection. The guest binds before it listens: in between there is nobody to take one.
func (s *sockets) hand(name string, c kernel.Conn) error {
	again, err := unix.FcntlInt(uintptr(c.FD), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return s.push(name, c)
	}
	if err := s.push(name, c); err == nil {
		unix.Close(again)
		return nil
	}
	time.Sleep(20 * time.Millisecond)
	c.FD = again
	return s.push(name, c)
}

// bound opens the host's socket for an address that the guest binds.
func (s *sockets) bound(a netip.AddrPort) bool {
	l, err := listen.Open(listen.Config{TCP: a.String()})
	if err != nil {
		return false
	}
	l.Serve(func(c kernel.Conn) error { return s.hand(a.String(), c) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, l)
	return true
}
