//go:build cgo && linux

package vm_test

import (
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"nself.org/embeddedpg/internal/kernel"
)

// stepping asks the host for a call (7000), makes it, keeps the result at address 12, and asks again.
const stepping = `(memory (export "memory") 20 30)
  (func (export "_start")
    (loop $l
      (drop (call $sys (i32.const 7000) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
      (if (i32.load (i32.const 48)) (then (drop (memory.grow (i32.load (i32.const 48))))))
      (i32.store (i32.const 12) (call $sys
        (i32.load (i32.const 20)) (i32.load (i32.const 24)) (i32.load (i32.const 28)) (i32.load (i32.const 32))
        (i32.load (i32.const 36)) (i32.load (i32.const 40)) (i32.load (i32.const 44))))
      (br $l)))`

const (
	memorySize = 20 << 16 // of a stepper
	sigWords   = 128      // address of its signal words
	asked      = 123456   // result of a call that came to Go
)

// stepper is an instance that makes one call at a time, for a test.
type stepper struct {
	*host
	t       testing.TB
	request chan request
	result  chan int32
	tid     atomic.Int32
}

type request struct {
	nr   int32
	args []int32
	grow int32 // pages, before the call
	end  bool
}

// newStepper starts one that has its signal words registered. begin, if not nil, runs on its thread at first.
func newStepper(t testing.TB, begin func(s *stepper)) *stepper {
	s := &stepper{host: newHost(), t: t, request: make(chan request), result: make(chan int32)}
	s.begin = func(unsafe.Pointer, *kernel.FastPath) {
		s.fast.Sig = uintptr(unsafe.Add(s.base, sigWords))
		s.fast.Pid = 4711
		s.tid.Store(int32(gettid()))
		s.fast.WakeFD = int32(newEventfd(t))
		if begin != nil {
			begin(s)
		}
	}
	first, ready := true, make(chan struct{})
	s.syscall = func(_ uint64, nr int32, _ *[6]int32) (int32, bool) {
		if nr != 7000 {
			return asked, false
		}
		if first {
			first = false
			close(ready)
		} else {
			s.result <- *s.word(12)
		}
		r := <-s.request
		w := unsafe.Slice(s.word(20), 8)
		w[0], w[7] = r.nr, r.grow
		clear(w[1:7])
		copy(w[1:7], r.args)
		return 0, r.end
	}
	start(t, load(t, newEngine(t), stepping), s.host)
	<-ready
	t.Cleanup(func() {
		for ending := true; ending; {
			select {
			case s.request <- request{end: true}:
				ending = false
			case <-s.result: // of a call that the test gave up
			case <-time.After(10 * time.Second):
				t.Fatal("the instance is stuck")
			}
		}
		if err := s.wait(t); err != nil {
			t.Error(err)
		}
		closeFD(int(s.fast.WakeFD))
	})
	return s
}

// word returns the guest's 32-bit word at an address.
func (s *stepper) word(addr uint32) *int32 { return (*int32)(unsafe.Add(s.base, addr)) }

// begin starts a call; finish returns its result.
func (s *stepper) beginCall(nr int32, args ...int32) { s.request <- request{nr: nr, args: args} }

func (s *stepper) finish() int32 {
	s.t.Helper()
	select {
	case r := <-s.result:
		return r
	case <-time.After(20 * time.Second):
		s.t.Fatal("the call does not return")
		return 0
	}
}

func (s *stepper) call(nr int32, args ...int32) int32 {
	s.t.Helper()
	s.beginCall(nr, args...)
	return s.finish()
}

// want fails the test unless the call gives r.
func (s *stepper) want(r int32, nr int32, args ...int32) {
	s.t.Helper()
	if got := s.call(nr, args...); got != r {
		s.t.Errorf("call %d%v = %d, want %d", nr, args, got, r)
	}
}

// fd makes descriptor fd known to the fast path.
func (s *stepper) fd(fd int, host int, flags uint32) {
	s.fast.FD[fd] = kernel.FastPathFD{Host: uint64(host), Flags: flags}
}

func (s *stepper) pending() *uint32 { return (*uint32)(unsafe.Pointer(s.word(sigWords))) }
func (s *stepper) blocked() *uint32 { return (*uint32)(unsafe.Pointer(s.word(sigWords + 4))) }

// post posts a signal as fastpath.h says.
func (s *stepper) post(sig int) {
	atomic.OrUint32(s.pending(), 1<<(sig-1))
	switch atomic.LoadUint32(&s.fast.Waiting) {
	case kernel.WaitPoll:
		writeEventfd(int(s.fast.WakeFD))
	case kernel.WaitFutex:
		futexWake(s.pending())
	}
}

// blocks waits until the instance waits in the given way.
func (s *stepper) blocks(how uint32) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); atomic.LoadUint32(&s.fast.Waiting) != how; {
		if time.Now().After(deadline) {
			s.t.Fatal("the instance does not wait")
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// timespec writes a guest struct timespec with rubbish in its undefined bits.
func (s *stepper) timespec(addr uint32, d time.Duration) int32 {
	*(*int64)(unsafe.Add(s.base, addr)) = int64(d / time.Second)
	*s.word(addr + 8) = int32(d % time.Second)
	*s.word(addr + 12) = -1
	return int32(addr)
}
