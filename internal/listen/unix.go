package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/fault"
)

// SocketName is the name that PostgreSQL's clients look for in a socket directory
// (UNIXSOCK_PATH, src/include/libpq/pqcomm.h).
func SocketName(port int) string { return fmt.Sprintf(".s.PGSQL.%d", port) }

// CheckSocketDir says whether the socket's path fits into a sockaddr_un.
func CheckSocketDir(dir string, port int) error {
	path := filepath.Join(dir, SocketName(port))
	if len(path) < maxSocketPath {
		return nil
	}
	return &fault.Error{
		Op: "listen on", Path: path,
		Err:  fmt.Errorf("the path has %d bytes, and a Unix socket's has at most %d here", len(path), maxSocketPath-1),
		Hint: fmt.Sprintf("use a socket directory of at most %d bytes, such as one in /tmp", maxSocketPath-1-len(SocketName(port))-1),
	}
}

// maxSocketPath is sizeof(sun_path), its terminating zero included: 108 on Linux, 104 on macOS.
var maxSocketPath = len(unix.RawSockaddrUnix{}.Path)

// unixSocket is a listening Unix socket and the lock file beside it.
type unixSocket struct {
	path string
	mode fs.FileMode
	l    *os.File // the listening socket
	lock *socketLock
	dir  string // the directory, if it was made for the socket
}

func listenUnix(dir string, port int, mode fs.FileMode) (*unixSocket, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, &fault.Error{Op: "listen on", Path: dir, Err: err}
	}
	if err := CheckSocketDir(dir, port); err != nil {
		return nil, err
	}
	u := &unixSocket{path: filepath.Join(dir, SocketName(port)), mode: mode}
	bad := func(err error, hint string) (*unixSocket, error) {
		u.close()
		return nil, &fault.Error{Op: "listen on", Path: u.path, Hint: hint, Err: err}
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return bad(err, "the socket directory must be one that this user can make or write")
		}
		u.dir = dir
	}
	if u.lock, err = lockSocket(u.path); err != nil {
		u.close()
		return nil, err
	}
	if err := clearSocket(u.path); err != nil {
		u.path = "" // not ours to remove
		u.close()
		return nil, err
	}
	if u.l, err = bindUnix(u.path, mode); err != nil {
		path := u.path
		u.path = "" // nobody's
		u.close()
		return nil, &fault.Error{Op: "listen on", Path: path, Hint: "the socket directory must be one that this user can write", Err: err}
	}
	return u, nil
}

// bindUnix returns a listening socket of that name. If it cannot, nothing is left.
func bindUnix(path string, mode fs.FileMode) (*os.File, error) {
	fd, err := newSocket()
	if err != nil {
		return nil, err
	}
	l := os.NewFile(uintptr(fd), path)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		l.Close()
		return nil, err
	}
	// Nobody can connect between bind and listen, so the mode is right from the start.
	if err = os.Chmod(path, mode.Perm()); err == nil {
		err = unix.Listen(fd, unix.SOMAXCONN)
	}
	if err != nil {
		os.Remove(path)
		l.Close()
		return nil, err
	}
	return l, nil
}

// close removes the socket before its lock, and then the directory if it was made for them.
func (u *unixSocket) close() error {
	var errs []error
	if u.path != "" && u.lock != nil {
		if err := os.Remove(u.path); err != nil && !vanished(err) {
			errs = append(errs, err)
		}
	}
	if u.l != nil {
		errs = append(errs, u.l.Close())
	}
	if u.lock != nil {
		errs = append(errs, u.lock.release())
	}
	if u.dir != "" {
		os.Remove(u.dir) // fails if something else is in it by now
	}
	return errors.Join(errs...)
}

// clearSocket removes a socket that nobody answers on. The socket's lock is held, so it is what a
// killed server left behind.
func clearSocket(path string) error {
	st, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	bad := func(err error, hint string) error {
		return &fault.Error{Op: "listen on", Path: path, Hint: hint, Err: err}
	}
	if err != nil {
		return bad(err, "")
	}
	if st.Mode().Type() != fs.ModeSocket {
		return bad(errors.New("a file that is not a socket has this name"), "move it away, or use another socket directory")
	}
	if c, err := net.Dial("unix", path); err == nil {
		defer c.Close()
		who := "another server"
		if pid := peerPid(c.(*net.UnixConn)); pid > 0 {
			who = fmt.Sprintf("process %d", pid)
		}
		return bad(fmt.Errorf("%s answers there", who), "stop it, or use another socket directory or port")
	} else if !errors.Is(err, unix.ECONNREFUSED) {
		return bad(err, "use another socket directory or port")
	}
	if err := os.Remove(path); err != nil {
		return bad(err, "remove the stale socket, or use another socket directory")
	}
	return nil
}
