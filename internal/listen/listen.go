package listen

import (
	"errors"
	"io/fs"
	"net"
	"sync"

	"nself.org/embeddedpg/internal/kernel"
)

// Config says where to listen. Empty fields mean: not there.
type Config struct {
	SocketDir  string      // directory of the Unix socket; made with mode 0700 if it does not exist
	SocketMode fs.FileMode // permissions of the Unix socket
	Port       int         // number in the Unix socket's name
	TCP        string      // host:port; port 0 takes a free one
}

// Listeners is a set of listening sockets. Its methods are safe for concurrent use.
type Listeners struct {
	unix *unixSocket
	tcp  *tcpSocket

	mu struct { // also of unix's fields, once Serve is called
		sync.Mutex
		serving bool
		closed  bool
	}
	closing chan struct{}  // closed by Close
	wg      sync.WaitGroup // the accepting goroutines, and the one that looks after the Unix socket
}

// Open opens the sockets. Clients may connect from then on; they are answered once Serve is called.
// Errors are *fault.Error.
func Open(c Config) (*Listeners, error) {
	f := &Listeners{closing: make(chan struct{})}
	var err error
	if c.SocketDir != "" {
		if f.unix, err = listenUnix(c.SocketDir, c.Port, c.SocketMode); err != nil {
			return nil, err
		}
	}
	if c.TCP != "" {
		if f.tcp, err = listenTCP(c.TCP); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

// Serve hands every connection to push, from goroutines of its own, until Close. A Unix socket that vanishes is made
// again. It is called once.
func (f *Listeners) Serve(push Push) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.mu.closed || f.mu.serving {
		return
	}
	f.mu.serving = true
	if f.unix != nil {
		l := f.unix.l
		f.wg.Go(func() { acceptLoop(l, push) })
		f.wg.Go(func() { f.renewLoop(push) })
	}
	if f.tcp != nil {
		f.wg.Go(func() { acceptLoop(f.tcp.l, push) })
	}
}

// Addr returns the TCP address listened on, or nil.
func (f *Listeners) Addr() net.Addr {
	if f.tcp == nil {
		return nil
	}
	return f.tcp.addr
}

// Close stops accepting, removes the Unix socket and waits for Serve's goroutines. Connections that
// were handed on are not touched.
func (f *Listeners) Close() error {
	f.mu.Lock()
	if f.mu.closed {
		f.mu.Unlock()
		f.wg.Wait()
		return nil
	}
	f.mu.closed = true
	close(f.closing)
	var errs []error
	if f.unix != nil {
		errs = append(errs, f.unix.close())
	}
	f.mu.Unlock()
	if f.tcp != nil {
		errs = append(errs, f.tcp.l.Close())
	}
	f.wg.Wait()
	return errors.Join(errs...)
}

// inProcessPeer marks connections that the program itself makes.
var inProcessPeer = kernel.InProcess().Addr()
