package listen

import (
	"errors"
	"net"
	"os"
	"syscall"

	"nself.org/embeddedpg/internal/fault"
)

// tcpSocket is a listening TCP socket.
type tcpSocket struct {
	l    *os.File
	addr net.Addr
}

// listenTCP listens on host:port. An empty host is refused: it would mean every interface, and that
// must be said.
func listenTCP(address string) (*tcpSocket, error) {
	bad := func(err error, hint string) (*tcpSocket, error) {
		return nil, &fault.Error{Op: "listen on", Path: address, Hint: hint, Err: err}
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return bad(err, "give an address and a port, such as 127.0.0.1:5432")
	}
	if host == "" {
		return bad(errors.New("the address is missing"), "give one, such as 127.0.0.1"+address+"; 0.0.0.0 means every interface")
	}
	l, err := net.Listen("tcp", address)
	if err == nil {
		defer l.Close()
		t := &tcpSocket{addr: l.Addr()}
		// A net.Listener lets nobody accept raw descriptors; its file does.
		if t.l, err = l.(*net.TCPListener).File(); err == nil {
			return t, nil
		}
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return bad(err, "another program has this port: stop it, or choose another port (port 0 takes a free one)")
	case errors.Is(err, syscall.EACCES):
		return bad(err, "ports below 1024 need privileges: choose a higher one")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return bad(err, "no interface of this machine has this address")
	}
	return bad(err, "")
}
