//go:build cgo

package vm_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vm"
)

// fault returns what ended an instance, which must be a fault of the given kind.
func fault(t *testing.T, h *host, kind vm.FaultKind) *vm.Fault {
	t.Helper()
	err := h.wait(t)
	var f *vm.Fault
	if !errors.As(err, &f) || f.Kind != kind {
		t.Fatalf("ended with %v, want a fault of kind %d", err, kind)
	}
	return f
}

func TestTraps(t *testing.T) {
	e := newEngine(t)
	for _, c := range []struct {
		name, body string
		code       vm.TrapCode
		text       string
	}{
		{"unreachable", `unreachable`, 9, "unreachable"},
		{"memory beyond the end", `(drop (i32.load (i32.const 0x70000)))`, 1, "out of bounds memory access"},
		{"memory beyond 4 GiB", `(drop (i32.load offset=0x7fffffff (i32.const -1)))`, 1, "out of bounds memory access"},
		{"memory far beyond 4 GiB", `(drop (i32.load offset=0xffffffff (i32.const -1)))`, 1, "out of bounds memory access"},
		{"division", `(drop (i32.div_u (i32.const 1) (i32.load (i32.const 0))))`, 7, "divide by zero"},
		{"null function", `(call_indirect (i32.const 1))`, 4, "uninitialized element"},
		{"atomic alignment", `(drop (i32.atomic.rmw.add (i32.const 1) (i32.const 1)))`, 2, "unaligned atomic"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := load(t, e, `(memory (export "memory") 1) (table 4 funcref) (func $inner `+c.body+`) (func (export "_start") (call $inner))`)
			h := newHost()
			start(t, m, h)
			f := fault(t, h, vm.FaultTrap)
			if f.Code != c.code || !strings.Contains(f.Error(), c.text) || !strings.Contains(f.Error(), "inner") {
				t.Errorf("code %d, text %q", f.Code, f.Error())
			}
		})
	}
}

func TestStackOverflow(t *testing.T) {
	for _, c := range []struct{ stack, n int }{{4 << 20, 1000}, {64 << 20, 20}} {
		if testing.Short() {
			c.n = max(c.n/10, 12)
		}
		e, err := vm.New(vm.Config{StackSize: c.stack})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		m := load(t, e, `(memory (export "memory") 1)
		  (func $f (param i32) (result i32) (i32.add (call $f (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
		  (func (export "_start") (drop (call $f (i32.const 0))))`)
		before := 0
		begin := time.Now()
		for i := range c.n {
			if i == 10 {
				before = statusKiB(t, "VmRSS")
			}
			h := newHost()
			start(t, m, h)
			if f := fault(t, h, vm.FaultStackOverflow); f.Error() != "stack overflow" {
				t.Fatal(f)
			}
		}
		t.Logf("stack %d MiB: %d overflows, %v each", c.stack>>20, c.n, time.Since(begin)/time.Duration(c.n))
		if grown := statusKiB(t, "VmRSS") - before; grown > 100<<10 {
			t.Errorf("memory grew by %d KiB", grown)
		}
	}
}

// TestDeepTrap traps at the bottom of a deep stack: the text must stay small.
func TestDeepTrap(t *testing.T) {
	e := newEngine(t)
	m := load(t, e, `(memory (export "memory") 1)
	  (func $f (param i32) (result i32)
	    (if (i32.eqz (local.get 0)) (then (unreachable)))
	    (i32.add (call $f (i32.sub (local.get 0) (i32.const 1))) (local.get 0)))
	  (func (export "_start") (drop (call $f (i32.const 500000))))`)
	h := newHost()
	begin := time.Now()
	start(t, m, h)
	f := fault(t, h, vm.FaultTrap)
	t.Logf("%v, %d bytes", time.Since(begin), len(f.Message))
	if len(f.Message) > 10000 {
		t.Errorf("text of %d bytes", len(f.Message))
	}
}

var sink byte

func TestGoPanic(t *testing.T) {
	e := newEngine(t)
	m := load(t, e, `(memory (export "memory") 1)
	  (func (export "_start")
	    (drop (call $sys (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
	    (unreachable))`)
	var nilMap map[string]int
	var nilPointer *int
	for name, f := range map[string]func(h *host){
		"value":         func(*host) { panic("oops") },
		"error":         func(*host) { panic(fmt.Errorf("oops: %w", errHost)) },
		"map":           func(*host) { nilMap["x"] = 1 },
		"nil":           func(*host) { *nilPointer = 1 },
		"guard":         func(h *host) { h.memory(1<<20, 1)[0] = 1 },
		"guest's guard": func(h *host) { sink = *(*byte)(unsafe.Add(h.base, 5<<30)) },
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				h := newHost()
				h.syscall = func(uint64, int32, *[6]int32) (int32, bool) { f(h); return 0, false }
				start(t, m, h)
				err := fault(t, h, vm.FaultPanic)
				if err.Panic == nil || !strings.Contains(string(err.Stack), "fault_test.go") {
					t.Errorf("panic %v, stack %s", err.Panic, err.Stack)
				}
				if name == "error" && !errors.Is(err, errHost) {
					t.Errorf("%v does not wrap the panic's error", err)
				}
			}
		})
	}
	t.Run("begin", func(t *testing.T) {
		h := newHost()
		h.begin = func(unsafe.Pointer, *kernel.FastPath) { panic("oops") }
		start(t, m, h)
		fault(t, h, vm.FaultPanic)
		if h.calls.Load() != 0 {
			t.Error("guest code ran")
		}
	})
	t.Run("detach", func(t *testing.T) {
		h := newHost()
		h.detach = func() { panic("oops") }
		h.syscall = func(uint64, int32, *[6]int32) (int32, bool) { return 0, true }
		start(t, m, h)
		fault(t, h, vm.FaultPanic)
	})
	t.Run("end", func(t *testing.T) {
		h := newHost()
		h.end = func(error) { h.ended <- nil; panic("oops") }
		h.syscall = func(uint64, int32, *[6]int32) (int32, bool) { return 0, true }
		start(t, m, h)
		if err := h.wait(t); err != nil {
			t.Fatal(err)
		}
	})
}

var errHost = errors.New("an error")

func TestDone(t *testing.T) {
	e := newEngine(t)
	m := load(t, e, `(memory (export "memory") 1)
	  (func (export "_start")
	    (drop (call $sys (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
	    (unreachable))`)
	h := newHost()
	h.syscall = func(uint64, int32, *[6]int32) (int32, bool) { return -1, true }
	start(t, m, h)
	if err := h.wait(t); err != nil {
		t.Fatal(err)
	}
}

const throwing = `(memory (export "memory") 1)
  (tag $t (param i32))
  (func $throw (param i32) (throw $t (local.get 0)))
  (func $caught (param i32) (result i32)
    (block $h (result i32)
      (try_table (catch $t $h) (call $throw (local.get 0)))
      (i32.const -1)))
`

func TestExceptions(t *testing.T) {
	e := newEngine(t)
	m := load(t, e, throwing+`
	  (func (export "_start") (local i32)
	    (loop $l
	      (if (i32.ne (call $caught (local.get 0)) (local.get 0)) (then (unreachable)))
	      (br_if $l (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 10000))))
	    (drop (call $sys (call $caught (i32.const 77)) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))`)
	h := newHost()
	var got int32
	h.syscall = func(_ uint64, nr int32, _ *[6]int32) (int32, bool) { got = nr; return 0, false }
	start(t, m, h)
	if err := h.wait(t); err != nil || got != 77 {
		t.Errorf("got %d, %v", got, err)
	}

	h = newHost()
	start(t, load(t, e, throwing+`(func (export "_start") (call $throw (i32.const 1)))`), h)
	t.Log(fault(t, h, vm.FaultException))
}

// TestExceptionsPastFloats: an exception finds its way through functions that keep floats across calls
// and return before they throw, and their callers find their own floats again.
func TestExceptionsPastFloats(t *testing.T) {
	m := load(t, newEngine(t), throwing+`
	  (func $use (param f64) (result f64) (f64.store (i32.const 8) (local.get 0)) (f64.load (i32.const 8)))
	  (func $middle (param i32 f64) (result f64) (local f64)
	    (local.set 2 (call $use (f64.mul (local.get 1) (f64.const 3))))
	    (if (i32.eqz (local.get 0)) (then (return (f64.add (local.get 1) (call $use (local.get 2))))))
	    (call $throw (local.get 0)) ;; behind the code that returns, and so gives registers back
	    (unreachable))
	  (func $caughtDeep (param i32 f64) (result f64)
	    (drop (block $h (result i32)
	      (try_table (catch $t $h) (drop (call $middle (local.get 0) (f64.const 7))))
	      (unreachable)))
	    (local.get 1))
	  (func (export "_start") (local $x f64)
	    (local.set $x (call $use (f64.const 0.5)))
	    (if (f64.ne (call $middle (i32.const 0) (local.get $x)) (f64.const 2)) (then (unreachable)))
	    (if (f64.ne (call $caughtDeep (i32.const 2) (local.get $x)) (local.get $x)) (then (unreachable)))
	    (if (f64.ne (local.get $x) (f64.const 0.5)) (then (unreachable))))`)
	h := newHost()
	start(t, m, h)
	if err := h.wait(t); err != nil {
		t.Error(err)
	}
}

func TestBadModules(t *testing.T) {
	e := newEngine(t)
	for name, wat := range map[string]string{
		"unknown import": `(module (import "env" "other" (func)))`,
		"import's type":  `(module (import "env" "stackdepth" (func)))`,
	} {
		b := assemble(t, wat)
		if _, err := e.Load(name, codeOf(b), vm.LoadOptions{}); err == nil {
			t.Errorf("%s: loaded", name)
		} else {
			t.Log(err)
		}
	}
	b := []byte("no module")
	if _, err := e.Load("x", codeOf(b), vm.LoadOptions{}); err == nil {
		t.Error("garbage: loaded")
	}
	if _, err := e.Load("x", vm.Code{Hash: hashOf(nil), Wasm: codeOf(b).Wasm}, vm.LoadOptions{}); err == nil || !strings.Contains(err.Error(), "sha256") {
		t.Errorf("wrong hash: %v", err)
	}
	for name, body := range map[string]string{
		"no memory": `(func (export "_start"))`,
		"no start":  `(memory (export "memory") 1)`,
	} {
		h := newHost()
		if err := load(t, e, body).Start(h, 0); !errors.Is(err, syscall.ENOEXEC) {
			t.Errorf("%s: %v", name, err)
		}
		if h.base != nil {
			t.Errorf("%s: Begin was called", name)
		}
	}
}
