package ring

import (
	"io"
	"syscall"
	"unsafe"
)

// Guest is the end of the guest, which package kernel makes a descriptor of. No method blocks. Close is
// the last call.
type Guest struct {
	*pair
	in, out flow
}

// Address is where C code finds the Header.
func (g *Guest) Address() uintptr { return uintptr(unsafe.Pointer(g.Header)) }

// Read returns syscall.EAGAIN if there is nothing yet, io.EOF at the end, and ECONNRESET if the program closed
// its end without having read everything.
func (g *Guest) Read(b []byte, peek bool) (int, error) {
	n := g.in.read(b, peek)
	if n > 0 || len(b) == 0 {
		return n, nil
	}
	switch ended, reset := g.in.ended(); {
	case g.in.has(Gone): // shut down on this side
		return 0, io.EOF
	case !ended:
		return 0, syscall.EAGAIN
	case reset:
		return 0, syscall.ECONNRESET
	}
	return 0, io.EOF
}

// Write writes what there is room for: syscall.EAGAIN if there is none, EPIPE if nobody will read it.
func (g *Guest) Write(b []byte) (int, error) {
	if g.out.has(Gone | Eof) {
		return 0, syscall.EPIPE
	}
	n := g.out.write(b)
	if n == 0 && len(b) > 0 {
		return 0, syscall.EAGAIN
	}
	return n, nil
}

// Events of poll(2), from Linux's <asm-generic/poll.h>; the guest's and the host's are the same.
const (
	PollIn    = 0x0001
	PollOut   = 0x0004
	PollHup   = 0x0010
	PollRDHup = 0x2000
)

// What Shutdown ends, SHUT_* of <sys/socket.h>.
const (
	shutRead = iota
	shutWrite
	shutBoth
)

// Ready returns those of events, and always POLLHUP, that poll(2) would report.
func (g *Guest) Ready(events int16) int16 {
	var r int16
	if g.in.readable() {
		r |= PollIn
	}
	if g.out.writable() {
		r |= PollOut
	}
	if g.in.has(Eof | Gone) {
		r |= PollRDHup
		if g.out.has(Eof | Gone) {
			r |= PollHup
		}
	}
	return r & (events | PollHup)
}

// Arm asks that Bell becomes readable when one of events may have come. After it, Ready must be asked once
// more before a wait. Disarm takes it back.
func (g *Guest) Arm(events int16) {
	g.in.arm(ReaderWaits) // also for the end, which is always reported
	if events&PollOut != 0 {
		g.out.arm(WriterWaits)
	}
}

// Disarm ends a wait and empties the bell.
func (g *Guest) Disarm() {
	g.in.disarm(ReaderWaits)
	g.out.disarm(WriterWaits)
	drainBell(g.Bell[ToGuest])
}

// BellFD is the descriptor to poll for POLLIN.
func (g *Guest) BellFD() int { return int(g.Bell[ToGuest]) }

// Shutdown is shutdown(2): SHUT_RD, SHUT_WR or SHUT_RDWR.
func (g *Guest) Shutdown(how int) error {
	if how < shutRead || how > shutBoth {
		return syscall.EINVAL
	}
	if how != shutWrite {
		g.in.set(Gone)
	}
	if how != shutRead {
		g.out.set(Eof)
	}
	return nil
}

// Close ends the connection from the guest's side. The program reads what was written, then the end.
func (g *Guest) Close() {
	leave(&g.in, &g.out)
	g.release()
}
