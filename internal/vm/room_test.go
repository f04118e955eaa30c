//go:build cgo && linux

package vm_test

import (
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/testenv"
	"nself.org/embeddedpg/internal/vm"
)

// crowd starts instances until one is refused, and returns their hosts and the error. Each waits in a call until out is closed.
func crowd(t *testing.T, m *vm.Module, out chan struct{}) (hosts []*host, err error) {
	t.Helper()
	for len(hosts) < 200 {
		h := newHost()
		h.syscall = func(uint64, int32, *[6]int32) (int32, bool) { <-out; return 0, true }
		if err = m.Start(h, 0); err != nil {
			return hosts, err
		}
		hosts = append(hosts, h)
	}
	t.Fatal("nothing was refused")
	return nil, nil
}

// end lets the instances end, which must not have noticed anything.
func end(t *testing.T, hosts []*host, out chan struct{}) {
	t.Helper()
	close(out)
	for _, h := range hosts {
		if err := h.wait(t); err != nil {
			t.Error(err)
		}
	}
}

func TestRefusedAddresses(t *testing.T) {
	if !testenv.InChild(t) {
		return
	}
	e := newEngine(t)
	m := load(t, e, loop)
	const room = 80 << 30
	testenv.Limit(t, unix.RLIMIT_AS, testenv.Status(t, "VmSize")<<10+room)
	fits := map[vm.Runner]int{vm.Wasmtime: 4, vm.Native: 9}[runner()] // of 16 or 8 GiB, and a stack
	var missing *vm.RoomError
	if err := e.Room(fits, runner()); err != nil {
		t.Error(err)
	}
	if err := e.Room(fits+2, runner()); !errors.As(err, &missing) || missing.Have >= missing.Need || missing.Threads != 0 {
		t.Errorf("room for six: %v", err)
	}
	for range 3 {
		out := make(chan struct{})
		hosts, err := crowd(t, m, out)
		if !errors.Is(err, syscall.ENOMEM) {
			t.Error(err)
		}
		if len(hosts) != fits {
			t.Errorf("%d instances in %d bytes, want %d", len(hosts), room, fits)
		}
		end(t, hosts, out)
		e.Wait()
	}
}

func TestRefusedThreads(t *testing.T) {
	if !testenv.InChild(t) {
		return
	}
	e := newEngine(t)
	m := load(t, e, loop)
	const room = 40
	testenv.Become(t, 61001)
	testenv.Limit(t, unix.RLIMIT_NPROC, testenv.Status(t, "Threads")+room)
	var missing *vm.RoomError
	if err := e.Room(room+1, runner()); !errors.As(err, &missing) || missing.Threads == 0 {
		t.Errorf("room for %d: %v", room, err)
	}
	for range 3 {
		out := make(chan struct{})
		hosts, err := crowd(t, m, out)
		if !errors.Is(err, syscall.EAGAIN) {
			t.Error(err)
		}
		if len(hosts) < 10 || len(hosts) > room-8 {
			t.Errorf("%d instances", len(hosts))
		}
		blockThreads(t, 8)
		end(t, hosts, out)
		e.Wait()
	}
}

// blockThreads has n goroutines block in the system at once, each on a thread of its own.
func blockThreads(t *testing.T, n int) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe(p[:]); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range n {
		all.Go(func() { _, _ = unix.Read(p[0], make([]byte, 1)) })
	}
	time.Sleep(50 * time.Millisecond)
	unix.Close(p[1])
	all.Wait()
	unix.Close(p[0])
}

// TestHeap: memory grows by what was asked for and no further; another instance is not limited.
func TestHeap(t *testing.T) {
	e := newEngine(t)
	m := load(t, e, `(memory (export "memory") 3 100) (func (export "_start")
	  (drop (call $sys (i32.const 1) (memory.grow (i32.const 5)) (memory.grow (i32.const 1)) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))`)
	for heap, want := range map[uint64][2]int32{0: {3, 8}, 4 << 16: {-1, 3}, 5 << 16: {3, -1}, 6 << 16: {3, 8}} {
		h := newHost()
		var got [2]int32
		h.syscall = func(_ uint64, _ int32, a *[6]int32) (int32, bool) { got = [2]int32{a[0], a[1]}; return 0, false }
		if err := m.Start(h, heap); err != nil {
			t.Fatal(err)
		}
		if err := h.wait(t); err != nil || got != want {
			t.Errorf("heap of %d: memory.grow gives %v, want %v; %v", heap, got, want, err)
		}
	}
}

// TestStartFunction: a module's own start function runs before the instance has a thread; it can make no calls.
func TestStartFunction(t *testing.T) {
	e := newEngine(t)
	m := load(t, e, `(memory (export "memory") 1) (start $s) (func $s (i32.store (i32.const 8) (i32.const 77)))
	  (func (export "_start") (drop (call $sys (i32.load (i32.const 8)) `+zeros+` (i32.const 0))))`)
	h := newHost()
	got := int32(0)
	h.syscall = func(_ uint64, nr int32, _ *[6]int32) (int32, bool) { got = nr; return 0, false }
	start(t, m, h)
	if err := h.wait(t); err != nil || got != 77 {
		t.Errorf("call %d, %v", got, err)
	}
	for name, body := range map[string]string{"call": `(drop (call $sys (i32.const 1) ` + zeros + ` (i32.const 0)))`, "trap": `(unreachable)`} {
		m := load(t, e, `(memory (export "memory") 1) (start $s) (func $s `+body+`) (func (export "_start"))`)
		if err := m.Start(newHost(), 0); err == nil {
			t.Errorf("%s: started", name)
		}
	}
}
