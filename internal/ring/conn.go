package ring

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is the program's end, a net.Conn: safe for concurrent use, with deadlines, CloseRead and CloseWrite. A
// sleeping Read or Write holds no thread: it waits for the bell in Go's poller.
type Conn struct {
	*pair
	in, out flow
	raw     syscall.RawConn // of the bell: deadlines, and waiting in the poller
	users   atomic.Int32    // calls in progress, and 1 while open; at 0 the end is released
	closed  atomic.Bool
	dropped runtime.Cleanup

	deadlines sync.Mutex // orders SetDeadline and Close, whose last deadline must stay

	// Of the Read or Write in progress. The functions are made once, so that a call allocates nothing.
	reading struct {
		sync.Mutex
		transfer
		spin spinner
	}
	writing struct {
		sync.Mutex
		transfer
	}
}

// transfer is one Read or Write.
type transfer struct {
	buf   []byte
	n     int
	err   error
	slept bool
	try   func(uintptr) bool // one attempt: true if the transfer is over, false to wait for the bell
}

func (c *Conn) init() error {
	raw, err := c.bell.SyscallConn()
	if err != nil {
		return err
	}
	if err := c.bell.SetDeadline(time.Time{}); err != nil { // it says whether the poller has it
		return err
	}
	c.raw = raw
	c.users.Store(1)
	c.reading.try = c.tryRead
	c.writing.try = c.tryWrite
	c.dropped = runtime.AddCleanup(c, (*pair).abandon, c.pair)
	return nil
}

// abandon closes the end of a Conn that was dropped without Close, as net's own connections do.
func (p *pair) abandon() {
	in, out := newFlow(p.Header, ToProgram), newFlow(p.Header, ToGuest)
	leave(&in, &out)
	p.release()
}

// enter keeps the end from being released while a call uses it.
func (c *Conn) enter() bool {
	for {
		n := c.users.Load()
		if n == 0 || c.closed.Load() {
			return false
		}
		if c.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (c *Conn) leave() {
	if c.users.Add(-1) == 0 {
		c.release()
	}
}

// Read implements net.Conn. At the end of what the server sent it returns io.EOF; a server process that ended
// without reading all that was written gives syscall.ECONNRESET.
func (c *Conn) Read(b []byte) (int, error) {
	if !c.enter() {
		return 0, opError("read", net.ErrClosed)
	}
	defer c.leave()
	if len(b) == 0 {
		return 0, nil
	}
	r := &c.reading
	r.Lock()
	defer r.Unlock()
	r.buf, r.n, r.err, r.slept = b, 0, nil, false
	err := c.raw.Read(r.try)
	if r.slept {
		r.spin.unparked(atomic.LoadInt64(&c.Rang))
		c.in.disarm(ReaderWaits)
	}
	r.buf = nil
	if err != nil {
		return 0, c.waitError("read", err)
	}
	if r.err != nil && r.err != io.EOF {
		return 0, opError("read", r.err)
	}
	return r.n, r.err
}

// tryRead is called by the poller's lock holder: at first, and whenever the bell has rung.
func (c *Conn) tryRead(uintptr) bool {
	r := &c.reading
	if c.take() {
		return true
	}
	if !r.slept {
		if r.spin.until(c.in.readable) && c.take() {
			return true
		}
		r.spin.sleep()
		if r.spin.holding.wanted() {
			c.in.hold(holdMax)
			r.spin.woke()
			r.spin.holding.held(c.in.readable())
			if c.take() {
				return true
			}
		}
		r.slept = true
	}
	c.in.arm(ReaderWaits)
	return c.take()
}

// take ends the Read in progress if it can.
func (c *Conn) take() bool {
	r := &c.reading
	if c.closed.Load() {
		r.err = net.ErrClosed
		return true
	}
	if c.in.has(Gone) { // CloseRead
		r.err = io.EOF
		return true
	}
	if r.n = c.in.read(r.buf, false); r.n > 0 {
		return true
	}
	ended, reset := c.in.ended()
	if ended {
		r.err = io.EOF
		if reset {
			r.err = syscall.ECONNRESET
		}
	}
	return ended
}

// Write implements net.Conn. It returns when the ring has all of b; syscall.EPIPE if nobody will read it.
func (c *Conn) Write(b []byte) (int, error) {
	if !c.enter() {
		return 0, opError("write", net.ErrClosed)
	}
	defer c.leave()
	w := &c.writing
	w.Lock()
	defer w.Unlock()
	w.buf, w.n, w.err, w.slept = b, 0, nil, false
	err := c.raw.Write(w.try)
	if w.slept {
		c.out.disarm(WriterWaits)
	}
	w.buf = nil
	if err != nil {
		return w.n, c.waitError("write", err)
	}
	if w.err != nil {
		return w.n, opError("write", w.err)
	}
	return w.n, nil
}

func (c *Conn) tryWrite(uintptr) bool {
	w := &c.writing
	if c.give() {
		return true
	}
	w.slept = true
	c.out.arm(WriterWaits)
	return c.give()
}

// give ends the Write in progress if it can.
func (c *Conn) give() bool {
	w := &c.writing
	for {
		switch {
		case c.closed.Load():
			w.err = net.ErrClosed
			return true
		case c.out.has(Gone | Eof):
			w.err = syscall.EPIPE
			return true
		}
		n := c.out.write(w.buf)
		w.buf = w.buf[n:]
		w.n += n
		if len(w.buf) == 0 {
			return true
		}
		if n == 0 {
			return false
		}
	}
}

// waitError makes an error of what the poller says: a deadline has passed, or the connection was closed.
func (c *Conn) waitError(op string, err error) error {
	if c.closed.Load() {
		err = net.ErrClosed
	}
	return opError(op, err)
}

func opError(op string, err error) error {
	return &net.OpError{Op: op, Net: addr.Net, Source: addr, Addr: addr, Err: err}
}

// Close implements net.Conn. Calls in progress return net.ErrClosed; the server reads what was written before, and
// then the end.
func (c *Conn) Close() error {
	c.deadlines.Lock()
	if c.closed.Swap(true) {
		c.deadlines.Unlock()
		return opError("close", net.ErrClosed)
	}
	c.dropped.Stop()
	// The bell's file lives on while the guest may ring it, so sleepers are woken by a deadline that has passed.
	err := c.bell.SetDeadline(time.Unix(1, 0))
	c.deadlines.Unlock()
	leave(&c.in, &c.out)
	c.leave()
	return err
}

// CloseWrite tells the server that nothing more comes.
func (c *Conn) CloseWrite() error { return c.shut("close", &c.out, Eof) }

// CloseRead ends reading: the server's further writes fail.
func (c *Conn) CloseRead() error { return c.shut("close", &c.in, Gone) }

func (c *Conn) shut(op string, f *flow, flag uint32) error {
	if !c.enter() {
		return opError(op, net.ErrClosed)
	}
	defer c.leave()
	f.set(flag)
	return nil
}

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error { return c.set(c.bell.SetDeadline, t) }

// SetReadDeadline implements net.Conn.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.set(c.bell.SetReadDeadline, t) }

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.set(c.bell.SetWriteDeadline, t) }

func (c *Conn) set(set func(time.Time) error, t time.Time) error {
	c.deadlines.Lock()
	defer c.deadlines.Unlock()
	if c.closed.Load() {
		return opError("set", net.ErrClosed)
	}
	if err := set(t); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return opError("set", err)
	}
	return nil
}

// addr is both ends' address. Drivers that make a second connection for a cancel request dial its network.
var addr = &net.UnixAddr{Net: "unix", Name: "in-process"}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return addr }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return addr }
