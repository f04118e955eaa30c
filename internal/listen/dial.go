package listen

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/ring"
)

// Dial makes a connection within the program: one end is pushed as kernel.InProcess, the other returned. Where the
// system has no ring it is a pair of sockets.
func Dial(push Push) (net.Conn, error) {
	if !ring.Available {
		return DialSocket(push)
	}
	conn, guest, err := ring.New()
	if err != nil {
		return nil, err
	}
	if err := push(kernel.Conn{Ring: guest, Peer: kernel.InProcess()}); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// DialSocket is Dial by a pair of sockets: Conn.FD is one that another process can have.
func DialSocket(push Push) (net.Conn, error) {
	pair, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("make a socket pair: %w", err)
	}
	ours := os.NewFile(uintptr(pair[0]), "in-process connection")
	conn, err := net.FileConn(ours) // it duplicates the descriptor
	ours.Close()
	if err != nil {
		unix.Close(pair[1])
		return nil, fmt.Errorf("make a connection of a socket: %w", err)
	}
	if err := push(kernel.Conn{FD: pair[1], Peer: kernel.InProcess()}); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}
