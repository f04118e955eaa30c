//go:build linux

package ring_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/ring"
)

// newPair makes a connection on the Go heap, where the race detector sees what the sides do to its bytes.
func newPair(t testing.TB) (*ring.Conn, *ring.Guest) {
	t.Helper()
	c, g, err := ring.NewOnHeap()
	if err != nil {
		t.Fatal(err)
	}
	return c, g
}

// wait blocks as a guest's poll does.
func wait(g *ring.Guest, events int16) {
	defer g.Disarm()
	for {
		g.Arm(events)
		if g.Ready(events) != 0 {
			return
		}
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(g.BellFD()), Events: unix.POLLIN}}, -1); err != nil && err != unix.EINTR {
			panic(err)
		}
		g.Disarm()
	}
}

// guestRead and guestWrite block as a guest's recv and send do.
func guestRead(g *ring.Guest, b []byte) (int, error) {
	for {
		n, err := g.Read(b, false)
		if err != syscall.EAGAIN {
			return n, err
		}
		wait(g, unix.POLLIN)
	}
}

func guestWrite(g *ring.Guest, b []byte) error {
	for len(b) > 0 {
		n, err := g.Write(b)
		if err == syscall.EAGAIN {
			wait(g, unix.POLLOUT)
		} else if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// pieces are random sizes, from one byte to several rings.
func size(r *rand.Rand) int { return 1 + r.IntN(1<<r.IntN(19)) }

// send writes total random bytes in random pieces and returns their hash.
func send(seed uint64, total int, write func([]byte) error) (hash.Hash, error) {
	r := rand.New(rand.NewPCG(seed, 1))
	source := rand.NewChaCha8([32]byte{byte(seed)})
	h := sha256.New()
	for total > 0 {
		b := make([]byte, min(size(r), total))
		source.Read(b)
		h.Write(b)
		if err := write(b); err != nil {
			return h, err
		}
		total -= len(b)
	}
	return h, nil
}

func receive(seed uint64, read func([]byte) (int, error)) (hash.Hash, error) {
	r := rand.New(rand.NewPCG(seed, 2))
	h := sha256.New()
	for {
		b := make([]byte, size(r))
		n, err := read(b)
		h.Write(b[:n])
		if err == io.EOF {
			return h, nil
		}
		if err != nil {
			return h, err
		}
	}
}

// TestBothWays moves megabytes in both directions at once, in pieces of random sizes, over several connections.
func TestBothWays(t *testing.T) {
	total := 4 << 20
	if testing.Short() {
		total = 1 << 20
	}
	var all sync.WaitGroup
	for k := range uint64(4) {
		c, g := newPair(t)
		var hashes [4]hash.Hash
		var one sync.WaitGroup
		step := func(i int, f func() (hash.Hash, error)) {
			one.Go(func() {
				var err error
				if hashes[i], err = f(); err != nil {
					t.Error(i, err)
				}
			})
		}
		step(0, func() (hash.Hash, error) {
			defer c.CloseWrite()
			return send(k, total, func(b []byte) error { _, err := c.Write(b); return err })
		})
		step(2, func() (hash.Hash, error) { return receive(k, c.Read) })
		// The guest is one thread, so it writes between its reads.
		done := make(chan struct{})
		var fromGuest, toGuest hash.Hash = sha256.New(), sha256.New()
		one.Go(func() {
			defer close(done)
			if err := converse(g, k, total, fromGuest, toGuest); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			one.Wait()
			<-done
			c.Close()
			if !bytes.Equal(hashes[0].Sum(nil), toGuest.Sum(nil)) || !bytes.Equal(hashes[2].Sum(nil), fromGuest.Sum(nil)) {
				t.Error("other bytes came than were sent")
			}
		})
	}
	all.Wait()
}

// converse is the guest's part: one thread that writes total bytes and reads until the end, whichever is possible, and
// closes. What it wrote and what it read go to the hashes.
func converse(g *ring.Guest, seed uint64, total int, written, read hash.Hash) error {
	defer g.Close()
	r := rand.New(rand.NewPCG(seed, 3))
	left, eof := total, false
	var pending []byte
	buf := make([]byte, 1<<19)
	for left > 0 || len(pending) > 0 || !eof {
		if len(pending) == 0 && left > 0 {
			pending = make([]byte, min(size(r), left))
			rand.NewChaCha8([32]byte{byte(left)}).Read(pending)
			written.Write(pending)
			left -= len(pending)
		}
		events := int16(0)
		if len(pending) > 0 {
			n, err := g.Write(pending)
			pending = pending[n:]
			if err == syscall.EAGAIN {
				events |= unix.POLLOUT
			} else if err != nil {
				return err
			}
		}
		if !eof {
			n, err := g.Read(buf[:size(r)], false)
			read.Write(buf[:n])
			switch err {
			case io.EOF:
				eof = true
			case syscall.EAGAIN:
				events |= unix.POLLIN
			case nil:
				events = 0
			default:
				return err
			}
			if len(pending) > 0 && events == unix.POLLIN {
				events = 0
			}
		}
		if events != 0 {
			wait(g, events)
		}
	}
	return nil
}

// TestPingPong is one request and answer after another, with pauses that make both sides sleep and spin.
func TestPingPong(t *testing.T) {
	c, g := newPair(t)
	defer c.Close()
	go func() {
		defer g.Close()
		b := make([]byte, 100)
		for {
			n, err := guestRead(g, b)
			if err != nil {
				return
			}
			if guestWrite(g, b[:n]) != nil {
				return
			}
		}
	}()
	var b [100]byte
	for i := range 20000 {
		if i%100 == 0 {
			time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond)
		}
		b[0] = byte(i)
		if _, err := c.Write(b[:1+i%100]); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, b[:1+i%100]); err != nil || b[0] != byte(i) {
			t.Fatal(i, b[0], err)
		}
	}
}

// TestHold is what a starved program does: it sleeps without the poller, for bytes, for the end, and in vain.
func TestHold(t *testing.T) {
	c, g := newPair(t)
	defer c.Close()
	b := make([]byte, 1)
	for i := range 300 {
		c.Late()
		go func() {
			time.Sleep(time.Duration(i%10) * 50 * time.Microsecond)
			g.Write([]byte{byte(i)})
		}()
		if _, err := c.Read(b); err != nil || b[0] != byte(i) {
			t.Fatal(i, b[0], err)
		}
	}
	c.Late()
	go func() { time.Sleep(5 * time.Millisecond); g.Write(b) }() // longer than anybody holds
	if n, err := c.Read(b); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	c.Late()
	go func() { time.Sleep(200 * time.Microsecond); g.Close() }()
	if _, err := c.Read(b); err != io.EOF {
		t.Fatal(err)
	}
}

func TestGuestEnds(t *testing.T) {
	b := make([]byte, 10)
	t.Run("the guest closes", func(t *testing.T) {
		c, g := newPair(t)
		defer c.Close()
		g.Write([]byte("last words"))
		g.Close()
		if n, err := c.Read(b); n != 10 || err != nil {
			t.Error(n, err)
		}
		if _, err := c.Read(b); err != io.EOF {
			t.Error(err)
		}
		if _, err := c.Write(b); !errors.Is(err, syscall.EPIPE) {
			t.Error(err)
		}
	})
	t.Run("the guest closes without reading", func(t *testing.T) {
		c, g := newPair(t)
		defer c.Close()
		c.Write(b)
		g.Close()
		if _, err := c.Read(b); !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
	})
	t.Run("the guest shuts down", func(t *testing.T) {
		c, g := newPair(t)
		defer g.Close()
		defer c.Close()
		sleeping := make(chan error)
		go func() { _, err := c.Read(make([]byte, 1)); sleeping <- err }()
		time.Sleep(5 * time.Millisecond)
		g.Shutdown(unix.SHUT_RDWR)
		if err := <-sleeping; err != io.EOF {
			t.Error(err)
		}
		if _, err := c.Write(b); !errors.Is(err, syscall.EPIPE) {
			t.Error(err)
		}
	})
}

func TestProgramEnds(t *testing.T) {
	b := make([]byte, 10)
	t.Run("the program closes", func(t *testing.T) {
		c, g := newPair(t)
		defer g.Close()
		if g.Ready(unix.POLLIN) != 0 || g.Ready(unix.POLLOUT) != unix.POLLOUT {
			t.Error("a new connection is readable, or not writable")
		}
		c.Write([]byte("bye"))
		c.Close()
		if r := g.Ready(unix.POLLIN | ring.PollRDHup); r != unix.POLLIN|ring.PollRDHup|unix.POLLHUP {
			t.Errorf("events %#x", r)
		}
		if n, err := g.Read(b, true); n != 3 || err != nil {
			t.Error(n, err)
		}
		if n, err := g.Read(b, false); n != 3 || err != nil {
			t.Error(n, err)
		}
		if _, err := g.Read(b, false); err != io.EOF {
			t.Error(err)
		}
		if _, err := g.Write(b); err != syscall.EPIPE {
			t.Error(err)
		}
	})
	t.Run("the program closes without reading", func(t *testing.T) {
		c, g := newPair(t)
		defer g.Close()
		g.Write(b)
		c.Close()
		if _, err := g.Read(b, false); err != syscall.ECONNRESET {
			t.Error(err)
		}
	})
	t.Run("one direction each", func(t *testing.T) {
		c, g := newPair(t)
		defer g.Close()
		defer c.Close()
		c.CloseWrite()
		if _, err := g.Read(b, false); err != io.EOF {
			t.Error(err)
		}
		if _, err := c.Write(b); !errors.Is(err, syscall.EPIPE) {
			t.Error(err)
		}
		g.Write([]byte("x"))
		if n, err := c.Read(b); n != 1 || err != nil {
			t.Error(n, err)
		}
		c.CloseRead()
		if _, err := g.Write(b); err != syscall.EPIPE {
			t.Error(err)
		}
		if _, err := c.Read(b); err != io.EOF {
			t.Error(err)
		}
		if err := g.Shutdown(3); err != syscall.EINVAL {
			t.Error(err)
		}
	})
}

// TestCloseWakes closes under calls that sleep.
func TestCloseWakes(t *testing.T) {
	c, g := newPair(t)
	defer g.Close()
	errs := make(chan error, 2)
	go func() { _, err := c.Read(make([]byte, 1)); errs <- err }()
	go func() { _, err := c.Write(make([]byte, 3*ring.Size)); errs <- err }()
	time.Sleep(5 * time.Millisecond)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-errs; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
	for name, f := range map[string]func() error{
		"read":     func() error { _, err := c.Read(nil); return err },
		"write":    func() error { _, err := c.Write(nil); return err },
		"close":    c.Close,
		"half":     c.CloseWrite,
		"deadline": func() error { return c.SetDeadline(time.Time{}) },
	} {
		if err := f(); !errors.Is(err, net.ErrClosed) {
			t.Error(name, err)
		}
	}
}

func TestDeadlines(t *testing.T) {
	c, g := newPair(t)
	defer g.Close()
	defer c.Close()
	timeout := func(err error) bool {
		var ne net.Error
		return errors.Is(err, os.ErrDeadlineExceeded) && errors.As(err, &ne) && ne.Timeout()
	}
	b := make([]byte, 1)
	c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	begin := time.Now()
	if _, err := c.Read(b); !timeout(err) || time.Since(begin) < 9*time.Millisecond {
		t.Error(err, time.Since(begin))
	}
	g.Write(b)
	if _, err := c.Read(b); !timeout(err) { // it has passed, whether there is something or not
		t.Error(err)
	}
	c.SetReadDeadline(time.Time{})
	if n, err := c.Read(b); n != 1 || err != nil {
		t.Error(n, err)
	}
	// A deadline in the past wakes who sleeps, as drivers use it to cancel.
	errs := make(chan error, 2)
	go func() { _, err := c.Read(b); errs <- err }()
	go func() {
		n, err := c.Write(make([]byte, 2*ring.Size))
		if n != ring.Size {
			t.Errorf("%d bytes written", n)
		}
		errs <- err
	}()
	time.Sleep(5 * time.Millisecond)
	c.SetDeadline(time.Unix(1, 0))
	for range 2 {
		if err := <-errs; !timeout(err) {
			t.Error(err)
		}
	}
}

// TestChaos closes and sets deadlines at random under traffic in both directions, and leaves no descriptor.
func TestChaos(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	before := descriptors(t)
	var running sync.WaitGroup
	for k := range 4 {
		running.Go(func() {
			r := rand.New(rand.NewPCG(uint64(k), 4))
			for range rounds {
				chaos(t, r)
			}
		})
	}
	running.Wait()
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func chaos(t *testing.T, r *rand.Rand) {
	c, g := newPair(t)
	var sides sync.WaitGroup
	var sent, got atomic.Int64
	sides.Go(func() {
		for b := byte(0); ; b++ {
			n, err := c.Write(bytes.Repeat([]byte{b}, int(b)*100+1))
			sent.Add(int64(n))
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
		}
	})
	sides.Go(func() {
		buf := make([]byte, 1000)
		for {
			if _, err := c.Read(buf); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
		}
	})
	after := r.IntN(200)
	sides.Go(func() { // the guest echoes
		defer g.Close()
		buf := make([]byte, 1+after*50)
		for i := 0; i < after || after%2 == 0; i++ {
			n, err := guestRead(g, buf)
			got.Add(int64(n))
			if err != nil || guestWrite(g, buf[:n]) != nil {
				return
			}
		}
	})
	for range r.IntN(5) {
		time.Sleep(time.Duration(r.IntN(300)) * time.Microsecond)
		c.SetDeadline(time.Now().Add(time.Duration(r.IntN(300)-100) * time.Microsecond))
	}
	time.Sleep(time.Duration(r.IntN(300)) * time.Microsecond)
	c.Close()
	sides.Wait()
	if got.Load() > sent.Load() {
		t.Errorf("%d bytes arrived, %d were sent", got.Load(), sent.Load())
	}
}

// TestDropped: a connection that nobody closed is closed when it is garbage.
func TestDropped(t *testing.T) {
	_, g := newPair(t)
	defer g.Close()
	for range 100 {
		runtime.GC()
		if g.Ready(unix.POLLIN) != 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("it is still open")
}

// TestMapped makes connections as New's callers do, and counts what they leave.
func TestMapped(t *testing.T) {
	mappings := func() int {
		b, err := os.ReadFile("/proc/self/maps")
		if err != nil {
			t.Skip("needs /proc")
		}
		return bytes.Count(b, []byte{'\n'})
	}
	maps, fds := mappings(), descriptors(t)
	for i := range 500 {
		c, g, err := ring.New()
		if err != nil {
			t.Fatal(err)
		}
		c.Write([]byte("x"))
		if i%2 == 0 {
			g.Close()
			c.Close()
		} else {
			c.Close()
			g.Close()
		}
	}
	if now := descriptors(t); now > fds {
		t.Errorf("%d descriptors, were %d", now, fds)
	}
	if now := mappings(); now > maps+20 {
		t.Errorf("%d mappings, were %d", now, maps)
	}
}

func descriptors(t testing.TB) int {
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc")
	}
	return len(d)
}

// BenchmarkRoundTrip is one byte each way with a guest that polls.
func BenchmarkRoundTrip(b *testing.B) {
	c, g := newPair(b)
	defer c.Close()
	go func() {
		runtime.LockOSThread()
		defer g.Close()
		buf := make([]byte, 1)
		for {
			if _, err := guestRead(g, buf); err != nil {
				return
			}
			g.Write(buf)
		}
	}()
	buf := make([]byte, 1)
	b.ReportAllocs()
	for b.Loop() {
		c.Write(buf)
		c.Read(buf)
	}
}
