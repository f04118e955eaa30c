//go:build cgo

package vm_test

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vm"
)

func TestHello(t *testing.T) {
	e := newEngine(t)
	m := load(t, e, `
	  (memory (export "memory") 1 10)
	  (data (i32.const 100) "hello")
	  (func (export "_start")
	    (drop (call $sys (i32.const 7000) (i32.const 1) (i32.const -2) (i32.const 3) (i32.const 4) (i32.const 5) (i32.const 100)))
	    (drop (call $sys (i32.const 7001) (memory.grow (i32.const 2)) (call $depth) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))`)
	h := newHost()
	var sizes []uint64
	h.syscall = func(size uint64, nr int32, a *[6]int32) (int32, bool) {
		sizes = append(sizes, size)
		switch nr {
		case 7000:
			if *a != [6]int32{1, -2, 3, 4, 5, 100} || string(h.memory(100, 5)) != "hello" {
				t.Errorf("call %v, memory %q", a, h.memory(100, 5))
			}
		case 7001:
			if a[0] != 1 || a[1] < 100 || a[1] > 100000 {
				t.Errorf("memory.grow gave %d, stackdepth %d", a[0], a[1])
			}
		}
		return 0, false
	}
	start(t, m, h)
	if err := h.wait(t); err != nil {
		t.Fatal(err)
	}
	if len(sizes) != 2 || sizes[0] != 1<<16 || sizes[1] != 3<<16 {
		t.Errorf("sizes %v", sizes)
	}
}

// TestCrowd has 200 instances alive at once, each of which checks that its memory is its own.
func TestCrowd(t *testing.T) {
	e := newEngine(t)
	m := load(t, e, `
	  (memory (export "memory") 2 100) (global $g (mut i32) (i32.const 0))
	  (func (export "_start") (local $i i32)
	    (local.set $i (i32.const 300))
	    (loop $l
	      (if (i32.ne (i32.load (i32.const 1000)) (global.get $g)) (then (unreachable)))
	      (global.set $g (i32.add (global.get $g) (call $sys (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))
	      (i32.store (i32.const 1000) (global.get $g))
	      (drop (memory.grow (i32.const 0)))
	      (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))`)
	const n = 200
	var alive, crowd sync.WaitGroup
	alive.Add(n)
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	for i := range n {
		crowd.Go(func() {
			h := newHost()
			calls := 0
			h.syscall = func(uint64, int32, *[6]int32) (int32, bool) {
				if calls++; calls == 1 {
					alive.Done()
					alive.Wait()
				}
				return int32(i + calls), false
			}
			start(t, m, h)
			if err := h.wait(t); err != nil || calls != 300 {
				t.Errorf("instance %d: %d calls, %v", i, calls, err)
			}
		})
	}
	crowd.Wait()
	close(stop)
}

// TestEngines opens and closes engines: nothing grows.
func TestEngines(t *testing.T) {
	n := 100
	if testing.Short() {
		n = 10
	}
	b := assemble(t, "(module "+imports+`(memory (export "memory") 1) (func (export "_start")))`)
	dir := t.TempDir()
	var rss, fds, goroutines int
	for i := range n {
		if i == n/2 {
			rss, fds, goroutines = statusKiB(t, "VmRSS"), openFiles(t), runtime.NumGoroutine()
		}
		e, err := vm.New(vm.Config{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := e.Load("x", packedNative(t, b), vm.LoadOptions{CacheDir: dir, Progress: func(vm.Progress) {}})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			h := newHost()
			start(t, m, h)
			if err := h.wait(t); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Start(newHost(), 0); !errors.Is(err, vm.ErrClosed) {
			t.Errorf("start after close: %v", err)
		}
		if _, err := e.Load("x", codeOf(b), vm.LoadOptions{CacheDir: dir}); !errors.Is(err, vm.ErrClosed) {
			t.Errorf("load after close: %v", err)
		}
	}
	if stacks, memories := leftOver(t); stacks+memories != 0 {
		t.Errorf("left: %d stacks, %d parts of memories", stacks, memories)
	}
	if grown := statusKiB(t, "VmRSS") - rss; grown > 8<<10 {
		t.Errorf("memory grew by %d KiB", grown)
	}
	if now := openFiles(t); now > fds {
		t.Errorf("%d files open, were %d", now, fds)
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("%d goroutines, were %d", now, goroutines)
	}
}

func openFiles(t *testing.T) int {
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc")
	}
	return len(d)
}

// TestClose waits for what still runs.
func TestClose(t *testing.T) {
	e, err := vm.New(vm.Config{StackSize: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	m := load(t, e, loop)
	h := newHost()
	out := make(chan struct{})
	h.syscall = func(uint64, int32, *[6]int32) (int32, bool) { <-out; return 0, true }
	start(t, m, h)
	closed := make(chan error)
	go func() { closed <- e.Close() }()
	select {
	case <-closed:
		t.Fatal("closed under a running instance")
	case <-time.After(30 * time.Millisecond):
	}
	close(out)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	select {
	case <-h.ended:
	default:
		t.Error("closed before End was called")
	}
}

// TestOrder: Begin, then calls, then Detach while the memory is there, then End when it is gone.
func TestOrder(t *testing.T) {
	e := newEngine(t)
	m := load(t, e, `(memory (export "memory") 1) (func (export "_start")
	  (drop (call $sys (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))`)
	h := newHost()
	order, tids := "", map[int]bool{}
	step := func(s string) { order += s; tids[gettid()] = true }
	h.begin = func(_ unsafe.Pointer, l *kernel.FastPath) {
		step("B")
		if *l != (kernel.FastPath{}) {
			t.Error("the fast path is not zero")
		}
	}
	h.syscall = func(uint64, int32, *[6]int32) (int32, bool) { step("S"); h.memory(0, 1)[0] = 7; return 0, false }
	h.detach = func() { step("D" + string('0'+rune(h.memory(0, 1)[0]))) }
	h.end = func(error) { step("E"); h.fast.Pid = 1 }
	start(t, m, h)
	if err := h.wait(t); err != nil || order != "BSD7E" || len(tids) != 1 {
		t.Errorf("%s on %d threads, %v", order, len(tids), err)
	}
}

func TestConfig(t *testing.T) {
	for _, size := range []int{-1, 1, 4<<20 - 1, 5<<20 + 4096} {
		if e, err := vm.New(vm.Config{StackSize: size}); err == nil {
			t.Errorf("stack size %d accepted", size)
			e.Close()
		}
	}
}
