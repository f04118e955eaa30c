//go:build cgo && linux

package vm_test

import (
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"testing"
	"time"
	"unsafe"

	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vm"
)

const zeros = `(i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)`

// spinning is how a guest can be busy.
var spinning = map[string]string{
	"loop":      `(func (export "_start") (loop $l (br $l)) (unreachable))`,
	"memory":    `(func (export "_start") (loop $l (i32.store (i32.const 64) (i32.add (i32.load (i32.const 64)) (i32.const 1))) (br $l)) (unreachable))`,
	"calls":     `(func $f (param i32) (result i32) (if (result i32) (local.get 0) (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1))))) (else (i32.const 0)))) (func (export "_start") (loop $l (drop (call $f (i32.const 100))) (br $l)))`,
	"copy":      `(func (export "_start") (loop $l (memory.copy (i32.const 256) (i32.const 264) (i32.const 10000)) (br $l)) (unreachable))`,
	"fill":      `(func (export "_start") (loop $l (memory.fill (i32.const 256) (i32.const 8) (i32.const 1000)) (br $l)) (unreachable))`,
	"grow":      `(func (export "_start") (loop $l (drop (memory.grow (i32.const 0))) (br $l)) (unreachable))`,
	"go calls":  `(func (export "_start") (loop $l (drop (call $sys (i32.const 7777) (i32.const 0) ` + zeros + `)) (br $l)) (unreachable))`,
	"fast path": `(func (export "_start") (loop $l (drop (call $sys (i32.const 172) (i32.const 0) ` + zeros + `)) (br $l)) (unreachable))`,
	"time":      `(func (export "_start") (loop $l (drop (call $sys (i32.const 403) (i32.const 1) (i32.const 64) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))) (br $l)) (unreachable))`,
	"exception": `(tag $t) (func $f (throw $t)) (func $g (block $h (try_table (catch $t $h) (call $f)))) (func (export "_start") (loop $l (call $g) (br $l)))`,
}

func spinner() *host {
	h := newHost()
	h.begin = func(unsafe.Pointer, *kernel.FastPath) { h.fast.Sig = uintptr(unsafe.Add(h.base, 128)) }
	return h
}

func TestKill(t *testing.T) {
	e := newEngine(t)
	rounds := 50
	if testing.Short() {
		rounds = 5
	}
	for name, body := range spinning {
		t.Run(name, func(t *testing.T) {
			m := load(t, e, `(memory (export "memory") 20) (func (unreachable)) `+body)
			best := time.Hour // others may keep every processor busy
			for range rounds {
				h := spinner()
				start(t, m, h)
				time.Sleep(time.Duration(rand.IntN(1500)) * time.Microsecond)
				begin := time.Now()
				if err := m.Kill(h); err != nil {
					t.Fatal(err)
				}
				fault(t, h, vm.FaultKilled)
				best = min(best, time.Since(begin))
				if err := m.Kill(h); err != nil {
					t.Errorf("kill the dead: %v", err)
				}
			}
			if best > time.Second {
				t.Errorf("the quickest of %d took %v", rounds, best)
			}
		})
	}
}

// TestKillCrowd kills many at once, of several kinds, while the garbage collector runs.
func TestKillCrowd(t *testing.T) {
	e := newEngine(t)
	n := 20
	if testing.Short() {
		n = 2
	}
	var crowd sync.WaitGroup
	for _, body := range spinning {
		m := load(t, e, `(memory (export "memory") 20) (func (unreachable)) `+body)
		for range n {
			crowd.Go(func() {
				h := spinner()
				start(t, m, h)
				time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
				for range 3 {
					if err := m.Kill(h); err != nil {
						t.Error(err)
					}
				}
				fault(t, h, vm.FaultKilled)
			})
		}
	}
	crowd.Wait()
}

// TestKillInHost: what is in a host call ends when the call returns, and a call that was the last is no kill.
func TestKillInHost(t *testing.T) {
	e := newEngine(t)
	m := load(t, e, `(memory (export "memory") 20) (func (unreachable)) `+spinning["go calls"])
	for _, last := range []bool{false, true} {
		h := newHost()
		in, out := make(chan struct{}), make(chan struct{})
		h.syscall = func(uint64, int32, *[6]int32) (int32, bool) { close(in); <-out; return 0, last }
		start(t, m, h)
		<-in
		if err := m.Kill(h); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-h.ended:
			t.Fatalf("ended in a host call: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
		close(out)
		if last {
			if err := h.wait(t); err != nil {
				t.Error(err)
			}
		} else {
			fault(t, h, vm.FaultKilled)
		}
	}
}

// TestKillSignalTaken: a program that asks Go for every signal still can kill.
func TestKillSignalTaken(t *testing.T) {
	e := newEngine(t)
	m := load(t, e, `(memory (export "memory") 20) (func (unreachable)) `+spinning["loop"])
	c := make(chan os.Signal, 10)
	for range 2 {
		signal.Notify(c)
		h := spinner()
		start(t, m, h)
		if err := m.Kill(h); err != nil {
			t.Fatal(err)
		}
		fault(t, h, vm.FaultKilled)
		signal.Reset()
	}
}

// TestKillPostgres finds its way in the real module's image.
func TestKillPostgres(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for seconds")
	}
	wasm, err := image.Tools.Wasm()
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(t)
	m, err := e.Load("pgtools", codeOf(wasm), vm.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	h := newHost()
	in := make(chan struct{}, 1)
	h.syscall = func(uint64, int32, *[6]int32) (int32, bool) { in <- struct{}{}; <-in; return 0, false }
	start(t, m, h)
	<-in
	begin := time.Now()
	if err := m.Kill(h); err != nil {
		t.Fatal(err)
	}
	t.Logf("%v", time.Since(begin))
	in <- struct{}{}
	fault(t, h, vm.FaultKilled)
}
