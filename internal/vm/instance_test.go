package vm_test

import (
	"testing"
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
