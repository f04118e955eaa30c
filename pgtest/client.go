package pgtest

import (
	"context"
	"errors"
	"net"
	"net/rpc"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"nself.org/embeddedpg/pgtest/internal/testserver"
)

// client is this test binary's side of a server.
type client struct {
	rpc  *rpc.Client
	info testserver.Info
	dial func(context.Context) (net.Conn, error)
	end  func() error // what Close has to do; the rpc client is closed before

	mu        sync.Mutex
	templates map[string]*making // by key
}

// making is a template that is there, was tried in vain, or is being made.
type making struct {
	sync.Once
	name string
	err  error
}

// clients are the servers that this test binary uses, by their settings.
var clients struct {
	sync.Mutex
	byServer map[string]*opening
}

// opening is a client that is there or is being made.
type opening struct {
	sync.Once
	client *client
	err    error
}

// errGone is the error of calls after Close.
var errGone = errors.New("the server was closed")

// modeEnv says which server a test binary uses: "" its own, "shared" that of its `go test`, or a directory.
const modeEnv = "EMBEDDEDPG_PGTEST"

func clientFor(ctx context.Context, o options) (*client, error) {
	key := o.server()
	clients.Lock()
	if clients.byServer == nil {
		clients.byServer = map[string]*opening{}
	}
	open := clients.byServer[key]
	if open == nil {
		open = &opening{}
		clients.byServer[key] = open
	}
	clients.Unlock()
	open.Do(func() {
		if mode := os.Getenv(modeEnv); mode == "" {
			open.client, open.err = own(ctx, o.settings)
		} else {
			open.client, open.err = shared(ctx, mode, o.settings)
		}
	})
	return open.client, open.err
}

// Close ends the servers of this test binary, or its use of a shared one. Nothing needs it: the end of the test binary does the
// same. It is for a TestMain that looks for goroutines left behind. Call it when no test runs any more.
func Close() error {
	clients.Lock()
	defer clients.Unlock()
	var errs []error
	for _, open := range clients.byServer {
		if c := open.client; c != nil {
			errs = append(errs, c.rpc.Close(), c.end())
		}
	}
	clients.byServer = nil
	return errors.Join(errs...)
}

// own starts a server in this process. It is spoken to as a shared one is, over a pipe in memory.
func own(ctx context.Context, settings map[string]string) (*client, error) {
	server, err := testserver.Start(ctx, settings)
	if err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	go server.ServeConn(theirs) // ends with the pipe; server.Close waits for it
	c, err := newClient(ctx, ours)
	if err != nil {
		return nil, errors.Join(err, server.Close())
	}
	c.dial, c.end = server.Dial, server.Close
	return c, nil
}

// shared joins a server in a process of its own.
func shared(ctx context.Context, mode string, settings map[string]string) (*client, error) {
	conn, err := testserver.Join(ctx, mode, settings)
	if err != nil {
		return nil, err
	}
	c, err := newClient(ctx, conn)
	if err != nil {
		return nil, err
	}
	c.dial = c.dialSocket
	return c, nil
}

// newClient takes over conn, the other end of which serves a Session.
func newClient(ctx context.Context, conn net.Conn) (*client, error) {
	c := &client{rpc: rpc.NewClient(conn), end: func() error { return nil }}
	if err := c.call(ctx, "Hello", testserver.Empty{}, &c.info); err != nil {
		c.rpc.Close()
		return nil, err
	}
	return c, nil
}

// call calls a method of Session. If ctx ends before, the server still does it.
func (c *client) call(ctx context.Context, method string, args, reply any) error {
	call := c.rpc.Go("Session."+method, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		if errors.Is(call.Error, rpc.ErrShutdown) {
			return errGone
		}
		return call.Error
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errUnfinished is the error of a template whose migration did not return: it has panicked or called t.FailNow.
var errUnfinished = errors.New("its migration ended the test that it ran in")

// template returns the name of the template that the options describe, which it makes if there is none. One that fails is not
// tried again by this test binary.
func (c *client) template(ctx context.Context, o options) (string, error) {
	if len(o.steps) == 0 {
		return testserver.Blank, nil
	}
	key, err := o.key()
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	if c.templates == nil {
		c.templates = map[string]*making{}
	}
	m := c.templates[key]
	if m == nil {
		m = &making{err: errUnfinished}
		c.templates[key] = m
	}
	c.mu.Unlock()
	m.Do(func() { m.name, m.err = c.make(ctx, o, key) })
	return m.name, m.err
}

// make makes a template, unless another test binary has made it.
func (c *client) make(ctx context.Context, o options, key string) (string, error) {
	var begin testserver.BeginResult
	if err := c.call(ctx, "Begin", key, &begin); err != nil || begin.Ready {
		return begin.Name, err
	}
	sealed := false
	defer func() { // also if a step ends the goroutine, as t.Fatal does
		if !sealed {
			_ = c.call(context.WithoutCancel(ctx), "Abandon", key, &testserver.Empty{})
		}
	}()
	db := &DB{name: begin.Name, client: c}
	for _, s := range o.steps {
		if err := s.run(ctx, db); err != nil {
			return "", err
		}
	}
	var name string
	sealed = true // or given up
	err := c.call(ctx, "Seal", key, &name)
	return name, err
}

func (c *client) clone(template, test string) (name string, err error) {
	err = c.call(context.Background(), "Clone", testserver.CloneArgs{Template: template, Test: test}, &name)
	return name, err
}

func (c *client) reset(name, template string) error {
	return c.call(context.Background(), "Reset", testserver.ResetArgs{Name: name, Template: template}, &testserver.Empty{})
}

func (c *client) save(name string) (template string, err error) {
	err = c.call(context.Background(), "Save", name, &template)
	return template, err
}

func (c *client) sessions(name string, wait time.Duration) (open []string, err error) {
	err = c.call(context.Background(), "Sessions", testserver.SessionsArgs{Name: name, Wait: wait}, &open)
	return open, err
}

func (c *client) drop(name string) error {
	return c.call(context.Background(), "Drop", name, &testserver.Empty{})
}

// keep returns the directory that stays. A test binary runs in its package's directory.
func (c *client) keep(name string) (dir string, err error) {
	pkg, err := os.Getwd()
	if err != nil {
		return "", err
	}
	err = c.call(context.Background(), "Keep", testserver.KeepArgs{Name: name, Package: pkg}, &dir)
	return dir, err
}

// dialSocket connects over the Unix socket.
func (c *client) dialSocket(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", filepath.Join(c.info.SocketDir, ".s.PGSQL."+strconv.Itoa(c.info.Port)))
}
