//go:build cgo && linux

package vm_test

import (
	"bytes"
	"crypto/rand"
	"io"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/ring"
)

const ringRW = kernel.FastPathRing | kernel.FastPathRead | kernel.FastPathWrite

func newRing(t *testing.T) (*ring.Conn, *ring.Guest) {
	t.Helper()
	c, g, err := ring.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); g.Close() })
	return c, g
}

// ring makes descriptor fd a ring.
func (s *stepper) ring(fd int, g *ring.Guest, flags uint32) {
	s.fast.FD[fd] = kernel.FastPathFD{Host: uint64(g.Address()), Flags: flags}
}

func TestFastPathRing(t *testing.T) {
	s := newStepper(t, nil)
	c, g := newRing(t)
	s.ring(3, g, ringRW|kernel.FastPathNonblock)
	mem := s.memory(0, memorySize)

	s.want(-int32(unix.EAGAIN), recvfrom, 3, 4096, 100)
	c.Write([]byte("hello"))
	s.want(5, recvfrom, 3, 4096, 100, unix.MSG_PEEK)
	s.want(2, recvfrom, 3, 4096, 2)
	s.want(3, read, 3, 4098, 100)
	if got := string(mem[4096:4101]); got != "hello" {
		t.Errorf("received %q", got)
	}
	s.want(0, recvfrom, 3, 4096, 0)
	copy(mem[5000:], "answer")
	s.want(4, sendto, 3, 5000, 4, unix.MSG_NOSIGNAL)
	s.want(2, write, 3, 5004, 2)
	b := make([]byte, 100)
	if n, err := io.ReadFull(c, b[:6]); err != nil || string(b[:n]) != "answer" {
		t.Errorf("%q, %v", b[:n], err)
	}
	// A reader that sleeps is woken, by its bell or, if it holds its P, by the word.
	waits := &g.Half[ring.ToProgram].Waits
	for _, how := range []uint32{ring.ReaderWaits, ring.ReaderHolds} {
		atomic.StoreUint32(waits, how)
		s.want(1, sendto, 3, 5000, 1)
		if left := atomic.LoadUint32(waits); left != 0 {
			t.Errorf("waits is %d", left)
		}
		if _, err := io.ReadFull(c, b[:1]); err != nil {
			t.Error(err)
		}
	}
	if atomic.LoadInt64(&g.Rang) == 0 {
		t.Error("the time of ringing is not noted")
	}
	s.want(ring.Size, sendto, 3, 16384, 1<<20)
	s.want(-int32(unix.EAGAIN), sendto, 3, 16384, 1<<20)

	// Outside of the memory, by the wrong way, with an address, with flags: not here.
	s.want(-int32(unix.EFAULT), recvfrom, 3, -1, 1)
	s.want(asked, sendto, 3, 4096, 1, 0, 4096, 16)
	s.want(asked, recvfrom, 3, 4096, 1, unix.MSG_TRUNC)
	s.want(asked, readv, 3, 4096, 1)
	s.want(asked, llseek, 3, 0, 0, 64, 0)
	s.want(asked, fsync, 3)
	s.ring(4, g, kernel.FastPathRing|kernel.FastPathWrite)
	s.want(asked, recvfrom, 4, 4096, 1)

	io.CopyN(io.Discard, c, ring.Size)
	c.Write([]byte("last"))
	c.Close()
	s.want(4, recvfrom, 3, 4096, 100)
	s.want(0, recvfrom, 3, 4096, 100)
	s.want(-int32(unix.EPIPE), sendto, 3, 4096, 1)
}

func TestFastPathRingPoll(t *testing.T) {
	s := newStepper(t, nil)
	c, g := newRing(t)
	r, w := pipe(t)
	s.ring(3, g, ringRW|kernel.FastPathNonblock)
	s.fd(5, r, pipeR)
	const at = 8192
	want := func(n int32, timeout time.Duration, ringEvents, pipeEvents int16) {
		t.Helper()
		s.finishPoll(n, ringEvents, pipeEvents, func() int32 { return s.call(ppoll, at, 2, s.timespec(64, timeout), 0) })
	}
	s.pollfds(3, unix.POLLIN, 5, unix.POLLIN)
	want(0, 0, 0, 0)
	want(0, 3*time.Millisecond, 0, 0)
	unix.Write(w, []byte{1})
	want(1, time.Second, 0, unix.POLLIN)
	c.Write([]byte{1})
	// The other descriptor is looked at too, though not at once.
	s.want(1, recvfrom, 3, 16384, 100)
	c.Write([]byte{1})
	both := false
	for range 32 {
		both = both || s.call(ppoll, at, 2, s.timespec(64, time.Second), 0) == 2
	}
	if !both {
		t.Error("a ring that is always ready hides a pipe")
	}
	want(2, 0, unix.POLLIN, unix.POLLIN)
	var b [10]byte
	unix.Read(r, b[:])
	s.want(1, recvfrom, 3, 16384, 100)

	// A bell that rang for what was seen without sleeping does not count as an event later.
	_, g2 := newRing(t)
	s.ring(3, g2, ringRW|kernel.FastPathNonblock)
	s.pollfds(3, unix.POLLIN, 5, unix.POLLIN)
	unix.Write(g2.BellFD(), []byte{1, 0, 0, 0, 0, 0, 0, 0})
	want(0, 3*time.Millisecond, 0, 0)
}

// TestFastPathRingSleep: what comes while a poll sleeps wakes it: bytes, a pipe, a signal, room, the end.
func TestFastPathRingSleep(t *testing.T) {
	s := newStepper(t, nil)
	c, g := newRing(t)
	r, w := pipe(t)
	s.ring(3, g, ringRW|kernel.FastPathNonblock)
	s.fd(5, r, pipeR)
	const at = 8192
	var b [10]byte
	sleep := func(events int, wake func()) int32 {
		t.Helper()
		s.pollfds(3, events, 5, unix.POLLIN)
		s.beginCall(ppoll, at, 2, 0, 0)
		s.blocks(kernel.WaitPoll)
		wake()
		return s.finish()
	}
	if n := sleep(unix.POLLIN, func() { c.Write([]byte("x")) }); n != 1 || s.revents(0) != unix.POLLIN {
		t.Errorf("bytes: %d, %#x", n, s.revents(0))
	}
	s.want(1, recvfrom, 3, 16384, 100)
	if n := sleep(unix.POLLIN, func() { unix.Write(w, []byte{1}) }); n != 1 || s.revents(0) != 0 || s.revents(1) != unix.POLLIN {
		t.Errorf("pipe: %d, %#x", n, s.revents(0))
	}
	unix.Read(r, b[:])
	if n := sleep(unix.POLLIN, func() { s.post(10) }); n != -int32(unix.EINTR) {
		t.Errorf("signal: %d", n)
	}
	*s.pending() = 0
	s.want(ring.Size, sendto, 3, 16384, 1<<20)
	if n := sleep(unix.POLLOUT, func() { io.CopyN(io.Discard, c, ring.Size) }); n != 1 || s.revents(0) != unix.POLLOUT {
		t.Errorf("room: %d, %#x", n, s.revents(0))
	}
	if n := sleep(unix.POLLIN|ring.PollRDHup, func() { c.CloseWrite() }); n != 1 || s.revents(0) != unix.POLLIN|ring.PollRDHup {
		t.Errorf("end: %d, %#x", n, s.revents(0))
	}

	// Blocking calls sleep by themselves.
	c2, g2 := newRing(t)
	s.ring(3, g2, ringRW)
	s.beginCall(recvfrom, 3, 16384, 100)
	s.blocks(kernel.WaitPoll)
	c2.Write([]byte("abc"))
	if n := s.finish(); n != 3 {
		t.Errorf("recv gives %d", n)
	}
	s.beginCall(recvfrom, 3, 16384, 100)
	s.blocks(kernel.WaitPoll)
	s.post(10)
	if n := s.finish(); n != -int32(unix.EINTR) {
		t.Errorf("recv gives %d", n)
	}
	*s.pending() = 0
}

// finishPoll checks what a poll of a ring and a pipe returned.
func (s *stepper) finishPoll(n int32, ringEvents, pipeEvents int16, poll func() int32) {
	s.t.Helper()
	if got := poll(); got != n || s.revents(0) != ringEvents || s.revents(1) != pipeEvents {
		s.t.Errorf("poll gives %d, %#x, %#x", got, s.revents(0), s.revents(1))
	}
}

// ringEcho reads descriptor 3 and writes what it read, in blocking calls, until the end.
const ringEcho = `(memory (export "memory") 20 30)
  (func (export "_start") (local $n i32)
    (drop (call $sys (i32.const 7000) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
    (block $end (loop $l
      (local.set $n (call $sys (i32.const 207) (i32.const 3) (i32.const 65536) (i32.const 200000) (i32.const 0) (i32.const 0) (i32.const 0)))
      (br_if $end (i32.le_s (local.get $n) (i32.const 0)))
      (br_if $end (i32.ne (local.get $n)
        (call $sys (i32.const 206) (i32.const 3) (i32.const 65536) (local.get $n) (i32.const 0) (i32.const 0) (i32.const 0))))
      (br $l))))`

// TestRingEcho is several guests that echo what comes in pieces of all sizes, all in C code, with sleeps between.
func TestRingEcho(t *testing.T) {
	e := newEngine(t)
	m := load(t, e, ringEcho)
	total := 8 << 20
	if testing.Short() {
		total = 1 << 20
	}
	var all sync.WaitGroup
	for k := range uint64(4) {
		c, g := newRing(t)
		h := newHost()
		h.begin = func(_ unsafe.Pointer, fast *kernel.FastPath) {
			fast.Sig = uintptr(unsafe.Add(h.base, sigWords))
			fast.WakeFD = int32(newEventfd(t))
			fast.FD[3] = kernel.FastPathFD{Host: uint64(g.Address()), Flags: ringRW}
		}
		h.detach = func() { closeFD(int(h.fast.WakeFD)) }
		start(t, m, h)
		want := make([]byte, total)
		rand.Read(want)
		all.Go(func() {
			r := mathrand.New(mathrand.NewPCG(k, 1))
			for b := want; len(b) > 0; {
				n := min(1+r.IntN(1<<r.IntN(19)), len(b))
				if _, err := c.Write(b[:n]); err != nil {
					t.Error(err)
				}
				b = b[n:]
				if r.IntN(50) == 0 {
					time.Sleep(time.Duration(r.IntN(200)) * time.Microsecond)
				}
			}
			c.CloseWrite()
		})
		all.Go(func() {
			r := mathrand.New(mathrand.NewPCG(k, 2))
			got := make([]byte, 0, total)
			for {
				b := make([]byte, 1+r.IntN(1<<r.IntN(19)))
				n, err := c.Read(b)
				if got = append(got, b[:n]...); len(got) == total {
					break
				}
				if err != nil {
					t.Error(err)
					break
				}
			}
			if !bytes.Equal(got, want) {
				t.Error("other bytes came back than were sent")
			}
			if err := h.wait(t); err != nil {
				t.Error(err)
			}
			if n := h.calls.Load(); n != 1 {
				t.Errorf("%d calls went to Go", n)
			}
		})
	}
	all.Wait()
}
