package embeddedpg

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"

	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/listen"
	"nself.org/embeddedpg/internal/programs"
)

// Server is a running PostgreSQL server. Its methods are safe for concurrent use.
type Server struct {
	cfg       Config // complete
	programs  *programs.Set
	cluster   *cluster.Cluster
	listeners *listen.Listeners
	pm        *cluster.Postmaster
	child     *childProcess // nil: the server is in this process, by the fields above and temp
	temp      []*hostdir.Temp

	watch sync.WaitGroup // the goroutine that follows the server's end
	once  sync.Once      // of Close
	err   error          // what Close returns

	mu struct {
		sync.Mutex
		closing bool
	}
}

// Dial connects within the program, as superuser without a password, by the PostgreSQL protocol that
// every driver speaks. The user and database are the startup packet's, so the connection can be any
// role's. It does not block, and fails only if ctx has ended, after Close ([ErrClosed]), or without memory or descriptors. The
// connection ends with Close.
//
// With pgx: config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return server.Dial(ctx) }.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	closing := s.mu.closing
	s.mu.Unlock()
	if closing {
		return nil, ErrClosed
	}
	if s.child != nil {
		return listen.DialSocket(s.push)
	}
	return listen.Dial(s.push)
}

// push hands a connection to the server.
func (s *Server) push(c kernel.Conn) error {
	if s.child != nil {
		return s.child.push(c)
	}
	return s.pm.Push(c)
}

// Addr returns the TCP address that the server listens on; nil without Config.Listen.
func (s *Server) Addr() net.Addr {
	if s.child == nil {
		return s.listeners.Addr()
	}
	if addr, err := netip.ParseAddrPort(s.child.ready.Addr); err == nil {
		return net.TCPAddrFromAddrPort(addr)
	}
	return nil
}

// DataDir returns the absolute path of the data directory.
func (s *Server) DataDir() string {
	if s.child != nil {
		return s.child.ready.DataDir
	}
	return s.cluster.Dir()
}

// SocketDir returns the absolute path of the Unix socket's directory: libpq's "host".
func (s *Server) SocketDir() string { return s.cfg.SocketDir }

// Engine returns what runs PostgreSQL: "native", code that was made ahead of time and is in the
// program; or "wasmtime", which compiles WebAssembly on the machine where it runs. wasmtime runs a
// ServerModule, a server with ExtensionDirs in which a module has no native code, and everything on
// processors for which the program has none. The environment variable EMBEDDEDPG_ENGINE asks for
// one of the two.
func (s *Server) Engine() string {
	if s.child != nil {
		return s.child.ready.Engine
	}
	return s.programs.Runner()
}

// Wait blocks until the server has ended. It returns nil after Close, [ErrShutDown] if something else than
// Close shut it down in order, else why the server ended by itself. Close is needed in all cases.
func (s *Server) Wait() error {
	ended := (*Server).waitHere
	if s.child != nil {
		ended = (*Server).waitChild
	}
	err := ended(s)
	s.mu.Lock()
	closing := s.mu.closing
	s.mu.Unlock()
	if closing {
		return nil
	}
	if err != nil {
		return public(err)
	}
	return ErrShutDown
}

func (s *Server) waitHere() error {
	<-s.pm.Done()
	s.watch.Wait() // nobody can connect any more
	return s.pm.Err()
}

func (s *Server) waitChild() error {
	<-s.child.done
	return s.child.err
}

// Close shuts the server down: no new connections, the present ones are ended, a checkpoint is written.
// It returns when every process has ended and everything is released, also what Start made of temporary
// directories. If the checkpoint takes longer than Config.ShutdownTimeout, Close ends the server as a
// crash would and says so; nothing committed is lost. So it does after ten seconds with a child process (Config.ChildProcess)
// that does not answer at all. A second Close waits for the first and returns the same.
func (s *Server) Close() error {
	s.once.Do(func() {
		s.mu.Lock()
		s.mu.closing = true
		s.mu.Unlock()
		s.err = public(s.close())
	})
	return s.err
}

func (s *Server) close() error {
	end := (*Server).closeHere
	if s.child != nil {
		end = (*Server).closeChild
	}
	errs := []error{end(s)}
	for _, dir := range s.temp {
		errs = append(errs, dir.Remove())
	}
	return errors.Join(errs...)
}

func (s *Server) closeChild() error { return s.child.close(s.cfg.ShutdownTimeout) }

func (s *Server) closeHere() error {
	var errs []error
	if s.listeners != nil {
		errs = append(errs, s.listeners.Close())
	}
	if s.pm != nil {
		ctx, cancel := context.WithTimeout(context.Background(), s.cfg.ShutdownTimeout)
		errs = append(errs, s.pm.Stop(ctx))
		cancel()
	}
	s.watch.Wait()
	if s.programs != nil {
		errs = append(errs, s.programs.Close())
	}
	if s.cluster != nil {
		errs = append(errs, s.cluster.Close())
	}
	return errors.Join(errs...)
}
