package listen

import "golang.org/x/sys/unix"

// acceptSocket accepts a connection that is non-blocking and not inherited.
func acceptSocket(listener int) (int, unix.Sockaddr, error) {
	for {
		fd, peer, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != unix.EINTR {
			return fd, peer, err
		}
	}
}

// socketPair makes two connected sockets that are non-blocking and not inherited.
func socketPair() ([2]int, error) {
	return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}

// newSocket makes a Unix stream socket.
func newSocket() (int, error) {
	return unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}
