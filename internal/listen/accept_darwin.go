package listen

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// acceptSocket accepts a connection that is non-blocking and not inherited.
func acceptSocket(listener int) (int, unix.Sockaddr, error) {
	for {
		// A fork between the two calls would leak the descriptor.
		syscall.ForkLock.RLock()
		fd, peer, err := unix.Accept(listener)
		if err == nil {
			unix.CloseOnExec(fd)
		}
		syscall.ForkLock.RUnlock()
		if err == unix.EINTR {
			continue
		}
		if err == nil {
			err = prepare(fd)
		}
		return fd, peer, err
	}
}

// socketPair makes two connected sockets that are non-blocking and not inherited.
func socketPair() ([2]int, error) {
	syscall.ForkLock.RLock()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(pair[0])
		unix.CloseOnExec(pair[1])
	}
	syscall.ForkLock.RUnlock()
	if err == nil {
		if err = prepare(pair[0]); err != nil {
			unix.Close(pair[1])
		} else if err = prepare(pair[1]); err != nil {
			unix.Close(pair[0])
		}
	}
	return pair, err
}

// newSocket makes a Unix stream socket.
func newSocket() (int, error) {
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err == nil {
		err = prepare(fd)
	}
	return fd, err
}

// prepare makes a socket non-blocking, and writing to a closed one an error instead of a signal. On
// error it is closed.
func prepare(fd int) error {
	err := unix.SetNonblock(fd, true)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1)
	}
	if err != nil {
		unix.Close(fd)
	}
	return err
}
