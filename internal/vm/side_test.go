//go:build cgo

package vm_test

import (
	"bytes"
	"crypto/sha256"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vm"
	"nself.org/embeddedpg/internal/wasmfile"
)

// program asks its host (7000, with the last result) which function of its table to call next; 0 ends it. Those from
// the other list are called without argument and result. Its own functions begin at slot 100.
const program = `
  (memory (export "memory") 20)
  (table (export "__indirect_function_table") 110 110 funcref)
  (global (export "__stack_pointer") (mut i32) (i32.const 4096))
  (global (export "answer") i32 (i32.const 2000))
  (tag (export "jump") (param i32))
  (type $f (func (param i32) (result i32)))
  (type $v (func))
  (func $twice (export "twice") (type $f) (i32.mul (local.get 0) (i32.const 2)))
  (func $thrice (export "thrice") (export "thrice_too") (type $f) (i32.mul (local.get 0) (i32.const 3)))
  (func (export "throw") (type $f) (throw 0 (local.get 0)))
  (func (export "catch") (param i32) (result i32) (block $h (result i32) (try_table (result i32) (catch 0 $h) (call_indirect (type $f) (i32.const 7) (local.get 0)))))
  (elem (i32.const 100) func $twice)
  (data (i32.const 2000) "\2a")
  (func (export "_start") (local $r i32) (local $slot i32)
    (loop $l
      (local.set $slot (call $sys (i32.const 7000) (local.get $r) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
      (if (i32.eqz (local.get $slot)) (then (return)))
      (if (i32.gt_u (local.get $slot) (i32.const 1000))
        (then (call_indirect (type $v) (i32.sub (local.get $slot) (i32.const 1000))))
        (else (local.set $r (call_indirect (type $f) (i32.const 7) (local.get $slot)))))
      (br $l)))`

// dylink is the section of a module with 64 bytes of data, aligned to 32, and 2 slots.
const dylink = `(@custom "dylink.0" (before first) "\01\04\40\05\02\00")`

// usual is what side modules begin with.
const usual = dylink + `
  (import "env" "memory" (memory 1))
  (import "env" "__indirect_function_table" (table 2 funcref))
  (import "env" "__memory_base" (global $data i32))
  (import "env" "__table_base" (global $table i32))`

// sideHost is the host of a running program, on whose thread do runs things.
type sideHost struct {
	*host
	t    *testing.T
	m    *vm.Module
	work chan func() int32 // returns the slot to call
	last chan int32
}

func startProgram(t *testing.T, e *vm.Engine) *sideHost {
	t.Helper()
	return startOf(t, loadLinkable(t, e, program))
}

func startOf(t *testing.T, m *vm.Module) *sideHost {
	t.Helper()
	h := &sideHost{host: newHost(), t: t, m: m, work: make(chan func() int32), last: make(chan int32, 1)}
	h.syscall = func(_ uint64, nr int32, a *[6]int32) (int32, bool) {
		if nr != 7000 {
			return 0, false
		}
		h.last <- a[0]
		return (<-h.work)(), false
	}
	if err := h.m.Start(h, 0); err != nil {
		t.Fatal(err)
	}
	<-h.last
	return h
}

// call calls the function in the slot that f returns, and returns its result; f runs in a system call.
func (h *sideHost) call(f func() int32) int32 {
	h.work <- f
	return <-h.last
}

func (h *sideHost) end() {
	h.work <- func() int32 { return 0 }
	if err := h.wait(h.t); err != nil {
		h.t.Error(err)
	}
}

// load links a side module at an address of the guest.
func (h *sideHost) load(wat string, data uint32) (kernel.Linked, error) {
	return h.link(sideModule(h.t, wat), data)
}

func (h *sideHost) link(code []byte, data uint32) (l kernel.Linked, err error) {
	h.call(func() int32 {
		var s kernel.Side
		if s, err = h.m.Side("test.so", code); err == nil {
			l, err = s.Link(h, data)
		}
		return 100
	})
	return l, err
}

func symbol(t *testing.T, l kernel.Linked, name string) int32 {
	t.Helper()
	at, ok := l.Symbol(name)
	if !ok {
		t.Errorf("no symbol %s", name)
		return 100
	}
	return int32(at)
}

func TestSide(t *testing.T) {
	e := newEngine(t)
	h := startProgram(t, e)
	defer h.end()
	l, err := h.load(usual+`
	  (import "env" "__stack_pointer" (global $sp (mut i32)))
	  (import "env" "twice" (func $twice (param i32) (result i32)))
	  (import "GOT.mem" "answer" (global $answer (mut i32)))
	  (import "GOT.func" "twice" (global $twice_at (mut i32)))
	  (import "GOT.func" "thrice" (global $thrice_at (mut i32)))
	  (import "GOT.func" "thrice_too" (global $thrice_too_at (mut i32)))
	  (type $f (func (param i32) (result i32)))
	  (global $text (mut i32) (i32.const 8))
	  (func $start (global.set $text (i32.add (global.get $data) (global.get $text))))
	  (start $start)
	  (func $ctors (export "__wasm_call_ctors") (i32.store8 (global.get $text) (i32.const 99)))
	  (func $relocs (export "__wasm_apply_data_relocs") (i32.store (global.get $data) (global.get $answer)))
	  (func $mine (export "mine") (type $f) (i32.add (call $twice (local.get 0)) (i32.load8_u (i32.load (global.get $data)))))
	  (func (export "twice_at") (type $f) (global.get $twice_at))
	  (func (export "thrice_at") (type $f) (global.get $thrice_at))
	  (func (export "thrice_too_at") (type $f) (global.get $thrice_too_at))
	  (func (export "through") (type $f) (call_indirect (type $f) (local.get 0) (global.get $thrice_at)))
	  (func (export "stack") (type $f) (global.get $sp))
	  (func (export "letter") (type $f) (i32.load8_u (global.get $text)))
	  (global (export "text") i32 (i32.const 8))
	  (elem (global.get $table) func $ctors $mine)
	  (data (global.get $data) "abcdefghijkl")`, 8192)
	if err != nil {
		t.Fatal(err)
	}
	if letter := h.memory(8192+8, 1)[0]; letter != 'i' {
		t.Errorf("data: %q", letter)
	}
	h.call(func() int32 {
		f := l.Finish()
		if f[0] == 0 || f[1] != 64 {
			t.Errorf("functions to call: %v", f)
		}
		return 1000 + int32(f[0])
	})
	h.call(func() int32 { return 1000 + int32(l.Finish()[1]) })
	thrice := h.call(func() int32 { return symbol(t, l, "thrice_at") })
	for _, c := range []struct {
		function string
		want     int32
	}{
		{"mine", 14 + 42}, {"twice_at", 100}, {"thrice_too_at", thrice}, {"through", 21}, {"stack", 4096}, {"letter", 99},
	} {
		if got := h.call(func() int32 { return symbol(t, l, c.function) }); got != c.want {
			t.Errorf("%s gave %d, want %d", c.function, got, c.want)
		}
	}
	if at := symbol(t, l, "text"); at != 8192+8 {
		t.Errorf("text at %d", at)
	}
	if at := symbol(t, l, "mine"); at != 65 {
		t.Errorf("mine at %d, which the module's own table entry is not", at)
	}
	if _, ok := l.Symbol("nothing"); ok {
		t.Error("a symbol that is not there was found")
	}
}

// TestSideExceptions throws from the program into a side module and the other way round: longjmp does.
func TestSideExceptions(t *testing.T) {
	e := newEngine(t)
	h := startProgram(t, e)
	defer h.end()
	l, err := h.load(usual+`
	  (import "env" "jump" (tag $jump (param i32)))
	  (import "env" "throw" (func $throw (param i32) (result i32)))
	  (import "env" "catch" (func $catch (param i32) (result i32)))
	  (func $mine (param i32) (result i32) (throw $jump (i32.const 33)))
	  (func (export "caught") (param i32) (result i32)
	    (i32.add (i32.const 1000) (block $h (result i32) (try_table (result i32) (catch $jump $h) (call $throw (local.get 0))))))
	  (func (export "thrown") (param i32) (result i32) (call $catch (global.get $table)))
	  (func $again (param i32) (result i32) (local $e exnref)
	    (local.set $e (block $h (result exnref) (try_table (catch_all_ref $h) (throw $jump (i32.const 44))) (unreachable)))
	    (throw_ref (local.get $e)))
	  (func (export "rethrown") (param i32) (result i32) (call $catch (i32.add (global.get $table) (i32.const 1))))
	  (elem (global.get $table) func $mine $again)`, 8192)
	if err != nil {
		t.Fatal(err)
	}
	if r := h.call(func() int32 { return symbol(t, l, "caught") }); r != 1007 {
		t.Errorf("caught %d", r)
	}
	if r := h.call(func() int32 { return symbol(t, l, "thrown") }); r != 33 {
		t.Errorf("the program caught %d", r)
	}
	if r := h.call(func() int32 { return symbol(t, l, "rethrown") }); r != 44 {
		t.Errorf("the program caught %d, which was thrown again", r)
	}
}

// counter counts from a number, in a global, in memory and, by a function in the table, both.
func counter(from string) string {
	return usual + `
	  (type $f (func (param i32) (result i32)))
	  (import "env" "twice" (func $twice (type $f)))
	  (global $n (mut i32) (i32.const ` + from + `))
	  (func $up (type $f)
	    (global.set $n (i32.add (global.get $n) (i32.const 1)))
	    (i32.store (global.get $data) (i32.add (i32.load (global.get $data)) (i32.const 1)))
	    (i32.add (global.get $n) (i32.load (global.get $data))))
	  (func (export "count") (type $f) (call $twice (call_indirect (type $f) (i32.const 0) (global.get $table))))
	  (elem (global.get $table) func $up)`
}

// TestSideOrder puts two side modules into two processes, in either order. Each process has its own of either.
func TestSideOrder(t *testing.T) {
	e := newEngine(t)
	a, b := sideModule(t, counter("100")), sideModule(t, counter("5000"))
	m := loadLinkable(t, e, program)
	type process struct {
		*sideHost
		a, b kernel.Linked
	}
	link := func(h *sideHost, code []byte, data uint32) kernel.Linked {
		l, err := h.link(code, data)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	one, two := process{sideHost: startOf(t, m)}, process{sideHost: startOf(t, m)}
	one.a = link(one.sideHost, a, 8192)
	two.b = link(two.sideHost, b, 16384)
	one.b = link(one.sideHost, b, 16384)
	two.a = link(two.sideHost, a, 8192)
	for _, c := range []struct {
		h    *sideHost
		l    kernel.Linked
		want int32
	}{
		{one.sideHost, one.a, 2 * 102},
		{one.sideHost, one.a, 2 * 104},
		{two.sideHost, two.a, 2 * 102},
		{one.sideHost, one.b, 2 * 5002},
		{two.sideHost, two.b, 2 * 5002},
		{two.sideHost, two.b, 2 * 5004},
		{one.sideHost, one.a, 2 * 106},
	} {
		if got := c.h.call(func() int32 { return symbol(t, c.l, "count") }); got != c.want {
			t.Errorf("counted %d, want %d", got, c.want)
		}
	}
	one.end()
	two.end()
}

// TestSideTraps ends processes in a side module's code, in ways of its own.
func TestSideTraps(t *testing.T) {
	e := newEngine(t)
	code := sideModule(t, usual+`
	  (type $f (func (param i32) (result i32)))
	  (type $other (func (param i64)))
	  (import "env" "throw" (func $throw (type $f)))
	  (func (export "unreachable") (type $f) unreachable)
	  (func (export "divide") (type $f) (i32.div_u (i32.const 1) (i32.const 0)))
	  (func (export "memory") (type $f) (i32.load (i32.const -8)))
	  (func (export "type") (type $f) (call_indirect (type $other) (i64.const 1) (i32.const 100)) (i32.const 1))
	  (func (export "null") (type $f) (call_indirect (type $f) (i32.const 1) (i32.const 99)))
	  (func (export "table") (type $f) (call_indirect (type $f) (i32.const 1) (i32.const 110)))
	  (func $deep (export "stack") (type $f) (i32.add (call $deep (local.get 0)) (i32.const 1)))
	  (func (export "throws") (type $f) (call $throw (i32.const 1)))`)
	for name, want := range map[string]vm.FaultKind{
		"unreachable": vm.FaultTrap, "divide": vm.FaultTrap, "memory": vm.FaultTrap, "type": vm.FaultTrap, "null": vm.FaultTrap,
		"table": vm.FaultTrap, "stack": vm.FaultStackOverflow, "throws": vm.FaultException,
	} {
		t.Run(name, func(t *testing.T) {
			h := startProgram(t, e)
			l, err := h.link(code, 8192)
			if err != nil {
				t.Fatal(err)
			}
			h.work <- func() int32 { return symbol(t, l, name) }
			f := fault(t, h.host, want)
			if runsNative() && want == vm.FaultTrap && !strings.Contains(f.Message, "test.so") {
				t.Errorf("the module is not named: %s", f.Message)
			}
		})
	}
}

// TestSideRefused gives a process modules that it must not or cannot take; it goes on unharmed.
func TestSideRefused(t *testing.T) {
	e := newEngine(t)
	h := startProgram(t, e)
	defer h.end()
	for _, c := range []struct{ name, wat, want string }{
		{"undefined function", usual + `(import "env" "nowhere" (func))`, "undefined symbols: nowhere"},
		{"undefined data", usual + `(import "GOT.mem" "gone" (global (mut i32))) (import "GOT.func" "away" (global (mut i32)))`, "undefined symbols: gone, away"},
		{"address of a variable", usual + `(import "GOT.mem" "thrice" (global (mut i32)))`, "thrice as a variable"},
		{"wrong kind", usual + `(import "env" "answer" (func))`, "answer as a function"},
		{"wrong type", usual + `(import "env" "twice" (func (param i64)))`, "twice"},
		{"immutable stack pointer", usual + `(import "env" "__stack_pointer" (global i32))`, "incompatible"},
		{"the host", usual + `(import "env" "syscall" (func (param i32 i32 i32 i32 i32 i32 i32) (result i32)))`, "undefined symbols: syscall"},
		{"another host", usual + `(import "wasi_snapshot_preview1" "fd_write" (func))`, "undefined symbols: fd_write"},
		{"own memory", dylink + `(memory 1)`, "memory or a table of its own"},
		{"own table", dylink + `(table 1 funcref)`, "memory or a table of its own"},
		{"no dylink", `(import "env" "memory" (memory 1))`, "not a side module"},
		{"needs another", `(@custom "dylink.0" (before first) "\02\08\01\06libx.o")`, "libx.o"},
		{"endless data", `(@custom "dylink.0" (before first) "\01\08\ff\ff\ff\ff\0f\05\02\00")`, "data is too large"},
		{"many functions", `(@custom "dylink.0" (before first) "\01\05\40\05\80\20\00")`, "no room"},
		{"malformed dylink", `(@custom "dylink.0" (before first) "\01\05\40")`, "malformed"},
		{"data beyond memory", usual + `(data (i32.const -100) "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz")`, "out of bounds"},
		{"start traps", usual + `(func $s unreachable) (start $s)`, "unreachable"},
		{"start throws", usual + `(import "env" "throw" (func $t (param i32) (result i32))) (func $s (drop (call $t (i32.const 1)))) (start $s)`, ""},
		{"start recurses", usual + `(func $s call $s) (start $s)`, "stack"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := h.load(c.wat, 8192)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
	for name, code := range map[string][]byte{
		"empty": {}, "text": []byte("not wasm at all"), "header": []byte("\x00asm\x01\x00\x00\x00"),
		"cut":     assemble(t, "(module "+usual+")")[:40],
		"invalid": append(assemble(t, "(module "+usual+`(func (export "f") (result i32) i32.const 1))`), 10, 200, 1),
	} {
		if _, err := h.m.Side(name, code); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if r := h.call(func() int32 { return 100 }); r != 14 {
		t.Errorf("afterwards a call gives %d", r)
	}
}

// TestSideStartCalls: what runs while a module is linked makes no system calls.
func TestSideStartCalls(t *testing.T) {
	e := newEngine(t)
	m := loadLinkable(t, e, program+`(func (export "call") (drop (call $sys (i32.const 93) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))))`)
	h := newHost()
	code := sideModule(t, usual+`(import "env" "call" (func $c)) (start $c)`)
	h.syscall = func(_ uint64, nr int32, _ *[6]int32) (int32, bool) {
		if nr == 7000 && h.calls.Load() == 1 {
			s, err := m.Side("test.so", code)
			if err == nil {
				_, err = s.Link(h, 8192)
			}
			if err == nil || !strings.Contains(err.Error(), "a system call while") {
				t.Errorf("error %v", err)
			}
			return 100, false
		}
		return 0, false
	}
	start(t, m, h)
	if err := h.wait(t); err != nil || h.calls.Load() != 2 {
		t.Errorf("%d calls, %v", h.calls.Load(), err)
	}
}

// TestSideMany fills a process's table and its list of modules: errors, and no harm.
func TestSideMany(t *testing.T) {
	e := newEngine(t)
	h := startProgram(t, e)
	defer h.end()
	code := sideModule(t, usual)
	for i := range 100 {
		_, err := h.link(variant(t, code, i), 8192)
		if i < 18 && err != nil { // (100 - 64) / 2
			t.Fatal(i, err)
		}
		if i >= 18 && (err == nil || !strings.Contains(err.Error(), "no room")) {
			t.Fatal(i, err)
		}
	}
	code = sideModule(t, `(@custom "dylink.0" (before first) "\01\04\40\05\00\00")`)
	for i := range 100 {
		_, err := h.link(variant(t, code, i), 8192)
		if i > 64 && (err == nil || !strings.Contains(err.Error(), "too many modules")) {
			t.Fatal(i, err)
		}
	}
}

// variant returns another module that does the same.
func variant(t *testing.T, code []byte, i int) []byte {
	bare, native, err := wasmfile.Native(code, processor)
	if err != nil {
		t.Fatal(err)
	}
	other := append(slices.Clone(bare), 0, 2, 1, byte(i)) // a custom section
	if native == nil {
		return other
	}
	before, after := sha256.Sum256(bare), sha256.Sum256(other)
	native = bytes.Replace(native, before[:], after[:], 1)
	if other, err = wasmfile.WithNative(other, processor, native); err != nil {
		t.Fatal(err)
	}
	return other
}

func TestSideCache(t *testing.T) {
	if runsNative() {
		t.Skip("native code is not compiled here")
	}
	dir := t.TempDir()
	main := assemble(t, "(module "+imports+program+")")
	code := assemble(t, "(module "+usual+")")
	var before os.FileInfo
	for range 2 {
		e := newEngine(t)
		m, err := e.Load("x", codeOf(main), vm.LoadOptions{CacheDir: dir, SideModules: true})
		if err != nil {
			t.Fatal(err)
		}
		a, err := m.Side("a b/../c.so", code)
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.Side("other.so", code)
		if err != nil || a != b {
			t.Errorf("the same code twice: %v", err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 2 || !strings.HasPrefix(entries[0].Name(), "side-a_b_c-") {
			t.Fatalf("cache: %v, %v", entries, err)
		}
		st, err := entries[0].Info()
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && !os.SameFile(st, before) {
			t.Error("compiled again")
		}
		before = st
	}
}

func BenchmarkSideLink(b *testing.B) {
	e := newEngine(b)
	m := loadLinkable(b, e, program)
	code := sideModule(b, usual+`(import "env" "twice" (func (param i32) (result i32))) (func $f) (elem (global.get $table) func $f $f)`)
	s, err := m.Side("test.so", code)
	if err != nil {
		b.Fatal(err)
	}
	var spent time.Duration
	for range b.N {
		h := newHost()
		h.syscall = func(uint64, int32, *[6]int32) (int32, bool) {
			begin := time.Now()
			if _, err := s.Link(h, 8192); err != nil {
				b.Error(err)
			}
			spent += time.Since(begin)
			return 0, false
		}
		if err := m.Start(h, 0); err != nil {
			b.Fatal(err)
		}
		if err := h.wait(b); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N), "ns/link")
}

// TestSideOfProgram: a program that was loaded without its functions' names takes no side module.
func TestSideOfProgram(t *testing.T) {
	m := load(t, newEngine(t), program)
	if _, err := m.Side("test.so", assemble(t, "(module "+usual+")")); err == nil || !strings.Contains(err.Error(), "SideModules") {
		t.Errorf("error %v", err)
	}
}
