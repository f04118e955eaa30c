//go:build cgo

package vm_test

import (
	"os"
	"testing"
	"time"
	"unsafe"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vm"
)

// loop makes n calls of system call nr with the arguments 1 to 6 of the host's choice.
const loop = `(memory (export "memory") 20)
  (func (export "_start") (local $n i32)
    (drop (call $sys (i32.const 7000) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
    (local.set $n (i32.load (i32.const 16)))
    (loop $l
      (i32.store (i32.const 12) (call $sys
        (i32.load (i32.const 20)) (i32.load (i32.const 24)) (i32.load (i32.const 28)) (i32.load (i32.const 32))
        (i32.load (i32.const 36)) (i32.load (i32.const 40)) (i32.load (i32.const 44))))
      (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (drop (call $sys (i32.const 7001) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))`

// benchmarkCall measures one system call. setup is called in Begin; fast tells whether C or Go is to serve it.
func benchmarkCall(b *testing.B, fast bool, setup func(h *host), nr int32, args ...int32) {
	e := newEngine(b)
	m := load(b, e, loop)
	h := newHost()
	n := b.N
	served := h.calls.Load
	h.begin = func(unsafe.Pointer, *kernel.FastPath) {
		h.fast.Sig = uintptr(h.base)
		if !fast {
			h.fast.Off = 1
		}
		if setup != nil {
			setup(h)
		}
	}
	h.syscall = func(_ uint64, nr0 int32, _ *[6]int32) (int32, bool) {
		switch nr0 {
		case 7000:
			words := unsafe.Slice((*int32)(unsafe.Add(h.base, 16)), 8)
			words[0], words[1] = int32(n), nr
			copy(words[2:], args)
			b.ResetTimer()
		case 7001:
			b.StopTimer()
		}
		return 0, false
	}
	start(b, m, h)
	if err := h.wait(b); err != nil {
		b.Fatal(err)
	}
	if fast != (served() == 2) {
		b.Fatalf("%d calls reached Go, last result %d", served(), *(*int32)(unsafe.Add(h.base, 12)))
	}
}

func BenchmarkCallGo(b *testing.B)         { benchmarkCall(b, false, nil, abi.SYS_getpid) }
func BenchmarkCallFastGetpid(b *testing.B) { benchmarkCall(b, true, nil, abi.SYS_getpid) }
func BenchmarkCallFastTime(b *testing.B)   { benchmarkCall(b, true, nil, abi.SYS_clock_gettime64, 1, 64) }

func BenchmarkCallFastWake(b *testing.B) {
	benchmarkCall(b, true, nil, abi.SYS_futex_time64, 128, 1|128, 1)
}

func withFile(b *testing.B) func(h *host) {
	f, err := os.CreateTemp(b.TempDir(), "")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	if _, err := f.Write(make([]byte, 16<<10)); err != nil {
		b.Fatal(err)
	}
	return func(h *host) {
		h.fast.FD[3] = kernel.FastPathFD{Host: uint64(f.Fd()), Flags: kernel.FastPathFile | kernel.FastPathRead | kernel.FastPathWrite}
	}
}

func BenchmarkCallFastPread8k(b *testing.B) {
	benchmarkCall(b, true, withFile(b), abi.SYS_pread64, 3, 8192, 8192, 0, 0)
}

func BenchmarkCallFastPwrite8k(b *testing.B) {
	benchmarkCall(b, true, withFile(b), abi.SYS_pwrite64, 3, 8192, 8192, 0, 0)
}

func BenchmarkCallFastSeek(b *testing.B) {
	benchmarkCall(b, true, withFile(b), abi.SYS__llseek, 3, 0, 0, 64, 0)
}

// BenchmarkHostPread8k is the same call without a guest, for comparison.
func BenchmarkHostPread8k(b *testing.B) {
	h := newHost()
	h.fast = new(kernel.FastPath)
	withFile(b)(h)
	f := os.NewFile(uintptr(h.fast.FD[3].Host), "")
	p := make([]byte, 8192)
	for b.Loop() {
		if _, err := f.ReadAt(p, 0); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInstance measures the whole life of a process that does nothing.
func BenchmarkInstance(b *testing.B) {
	e := newEngine(b)
	m := load(b, e, `(memory (export "memory") 20) (func (export "_start"))`)
	for b.Loop() {
		h := newHost()
		start(b, m, h)
		if err := h.wait(b); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPostgres measures PostgreSQL's own module: compiling, loading, an instance to Begin, and its whole life.
func BenchmarkPostgres(b *testing.B) {
	wasm, err := image.Postgres.Wasm()
	if err != nil {
		b.Fatal(err)
	}
	e := newEngine(b)
	dir := b.TempDir()
	var m *vm.Module
	b.Run("compile", func(b *testing.B) {
		for b.Loop() {
			dir = b.TempDir()
			if m, err = e.Load("postgres", codeOf(wasm), vm.LoadOptions{CacheDir: dir}); err != nil {
				b.Fatal(err)
			}
		}
	})
	if m, err = e.Load("postgres", codeOf(wasm), vm.LoadOptions{CacheDir: dir}); err != nil || m.Warning() != nil {
		b.Fatal(err, m.Warning())
	}
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if m, err = e.Load("postgres", codeOf(wasm), vm.LoadOptions{CacheDir: dir}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("instance", func(b *testing.B) {
		var first time.Duration
		for b.Loop() {
			h := newHost()
			begin := time.Now()
			h.syscall = func(uint64, int32, *[6]int32) (int32, bool) { first += time.Since(begin); return 0, true }
			start(b, m, h)
			if err := h.wait(b); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(first.Nanoseconds())/float64(b.N), "ns/first-call")
	})
}
