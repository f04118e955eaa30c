//go:build cgo && linux

package vm_test

import (
	"testing"
	"time"

	"nself.org/embeddedpg/internal/vm"
)

// TestSideKill kills instances that run a side module's code, and that run its start function.
func TestSideKill(t *testing.T) {
	e := newEngine(t)
	for name, wat := range map[string]string{
		"function": usual + `(func (export "spin") (param i32) (result i32) (loop $l (br $l)) (unreachable))`,
		"start":    usual + `(func $s (loop $l (br $l))) (start $s)`,
	} {
		t.Run(name, func(t *testing.T) {
			code := sideModule(t, wat)
			m := loadLinkable(t, e, program)
			for range 5 {
				h := newHost()
				busy := make(chan struct{})
				h.syscall = func(uint64, int32, *[6]int32) (int32, bool) {
					s, err := m.Side("test.so", code)
					if err != nil {
						t.Error(err)
						return 0, true
					}
					close(busy)
					l, err := s.Link(h, 8192)
					if err != nil {
						return 100, false // killed in the start function: the call is the last
					}
					return symbol(t, l, "spin"), false
				}
				start(t, m, h)
				<-busy
				time.Sleep(2 * time.Millisecond)
				if err := m.Kill(h); err != nil {
					t.Fatal(err)
				}
				fault(t, h, vm.FaultKilled)
			}
		})
	}
}
