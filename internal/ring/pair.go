package ring

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"
)

// pair is what both ends share. Memory and bells live until both ends are released, so that either may still
// look at the one and ring the other.
type pair struct {
	*Header
	memory []byte
	mapped bool     // memory is to be unmapped; a test's is on the Go heap, where the race detector sees it
	bell   *os.File // the Conn's, in Go's poller
	ends   atomic.Int32
}

// New makes a connection. Both ends must be closed.
func New() (*Conn, *Guest, error) {
	memory, err := newMemory()
	if err != nil {
		return nil, nil, fmt.Errorf("map a connection's memory: %w", err)
	}
	c, g, err := newPair(memory)
	if err != nil {
		freeMemory(memory)
		return nil, nil, fmt.Errorf("make a connection's bell: %w", err)
	}
	c.mapped = true
	return c, g, nil
}

func newPair(memory []byte) (*Conn, *Guest, error) {
	p := &pair{Header: (*Header)(unsafe.Pointer(&memory[0])), memory: memory}
	for i := range p.Bell {
		bell, err := newBell()
		if err != nil {
			if i > 0 {
				closeBell(p.Bell[0])
			}
			return nil, nil, err
		}
		p.Bell[i] = bell
	}
	p.bell = os.NewFile(uintptr(p.Bell[ToProgram]), "in-process connection")
	p.MaxSpinning = maxSpinning
	p.ends.Store(2)
	c := &Conn{pair: p, in: newFlow(p.Header, ToProgram), out: newFlow(p.Header, ToGuest)}
	if err := c.init(); err != nil {
		closeBell(p.Bell[ToGuest])
		p.bell.Close()
		return nil, nil, err
	}
	g := &Guest{pair: p, in: newFlow(p.Header, ToGuest), out: newFlow(p.Header, ToProgram)}
	return c, g, nil
}

// release is called once by each end.
func (p *pair) release() {
	if p.ends.Add(-1) > 0 {
		return
	}
	closeBell(p.Bell[ToGuest])
	p.bell.Close()
	if p.mapped {
		freeMemory(p.memory)
	}
}

// leave ends one side's use: nothing more comes from it, nothing more is wanted.
func leave(in, out *flow) {
	flags := uint32(Eof)
	if !in.empty() {
		flags |= Reset
	}
	in.set(Gone)
	out.set(flags)
}
