//go:build cgo

package vm

// #include "fastpath.h"
// #include "ring.h"
import "C"

import (
	"unsafe"

	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/ring"
)

// Each line compiles only if its difference is 0.
var (
	_ = [1]struct{}{}[C.FASTPATH_SIZE-unsafe.Sizeof(kernel.FastPath{})]
	_ = [1]struct{}{}[C.FASTPATH_FD_SIZE-unsafe.Sizeof(kernel.FastPathFD{})]

	_ = [1]struct{}{}[C.FASTPATH_AT_SIG-unsafe.Offsetof(kernel.FastPath{}.Sig)]
	_ = [1]struct{}{}[C.FASTPATH_AT_PID-unsafe.Offsetof(kernel.FastPath{}.Pid)]
	_ = [1]struct{}{}[C.FASTPATH_AT_WAKE_FD-unsafe.Offsetof(kernel.FastPath{}.WakeFD)]
	_ = [1]struct{}{}[C.FASTPATH_AT_WAITING-unsafe.Offsetof(kernel.FastPath{}.Waiting)]
	_ = [1]struct{}{}[C.FASTPATH_AT_OFF-unsafe.Offsetof(kernel.FastPath{}.Off)]
	_ = [1]struct{}{}[C.FASTPATH_AT_FD-unsafe.Offsetof(kernel.FastPath{}.FD)]
	_ = [1]struct{}{}[C.FASTPATH_FD_AT_HOST-unsafe.Offsetof(kernel.FastPathFD{}.Host)]
	_ = [1]struct{}{}[C.FASTPATH_FD_AT_FLAGS-unsafe.Offsetof(kernel.FastPathFD{}.Flags)]

	_ = [1]struct{}{}[C.FASTPATH_AT_TABLE-unsafe.Offsetof(kernel.FastPath{}.Table)]
	_ = [1]struct{}{}[C.POST_SLOT_SIZE-unsafe.Sizeof(kernel.PostSlot{})]
	_ = [1]struct{}{}[C.POST_SLOT_AT_USERS-unsafe.Offsetof(kernel.PostSlot{}.Users)]
	_ = [1]struct{}{}[C.POST_SLOT_AT_FAST-unsafe.Offsetof(kernel.PostSlot{}.Fast)]

	_ = [1]struct{}{}[C.POST_SLOTS-kernel.PostSlots]
	_ = [1]struct{}{}[C.FASTPATH_FDS-kernel.FastPathFDs]
	_ = [1]struct{}{}[C.WAIT_NONE-kernel.WaitNone]
	_ = [1]struct{}{}[C.WAIT_POLL-kernel.WaitPoll]
	_ = [1]struct{}{}[C.WAIT_FUTEX-kernel.WaitFutex]
	_ = [1]struct{}{}[C.FASTPATH_READ-kernel.FastPathRead]
	_ = [1]struct{}{}[C.FASTPATH_WRITE-kernel.FastPathWrite]
	_ = [1]struct{}{}[C.FASTPATH_FILE-kernel.FastPathFile]
	_ = [1]struct{}{}[C.FASTPATH_SOCKET-kernel.FastPathSocket]
	_ = [1]struct{}{}[C.FASTPATH_PIPE-kernel.FastPathPipe]
	_ = [1]struct{}{}[C.FASTPATH_NONBLOCK-kernel.FastPathNonblock]
	_ = [1]struct{}{}[C.FASTPATH_POLL-kernel.FastPathPoll]
	_ = [1]struct{}{}[C.FASTPATH_RING-kernel.FastPathRing]

	_ = [1]struct{}{}[C.RING_SIZE-ring.Size]
	_ = [1]struct{}{}[C.RING_HEADER_SIZE-unsafe.Sizeof(ring.Header{})]
	_ = [1]struct{}{}[C.RING_HALF_SIZE-unsafe.Sizeof(ring.Half{})]
	_ = [1]struct{}{}[C.RING_AT_BELL-unsafe.Offsetof(ring.Header{}.Bell)]
	_ = [1]struct{}{}[C.RING_AT_SPIN-unsafe.Offsetof(ring.Header{}.Spin)]
	_ = [1]struct{}{}[C.RING_READER_HOLDS-ring.ReaderHolds]
	_ = [1]struct{}{}[C.RING_AT_RANG-unsafe.Offsetof(ring.Header{}.Rang)]
	_ = [1]struct{}{}[C.RING_AT_MAX_SPINNING-unsafe.Offsetof(ring.Header{}.MaxSpinning)]
	_ = [1]struct{}{}[C.RING_SPIN_MAX-ring.SpinMax]
	_ = [1]struct{}{}[C.RING_MAX_PENALTY-ring.MaxPenalty]
	_ = [1]struct{}{}[C.RING_HALF_AT_TAIL-unsafe.Offsetof(ring.Half{}.Tail)]
	_ = [1]struct{}{}[C.RING_HALF_AT_HEAD-unsafe.Offsetof(ring.Half{}.Head)]
	_ = [1]struct{}{}[C.RING_HALF_AT_FLAGS-unsafe.Offsetof(ring.Half{}.Flags)]
	_ = [1]struct{}{}[C.RING_HALF_AT_WAITS-unsafe.Offsetof(ring.Half{}.Waits)]
	_ = [1]struct{}{}[C.RING_TO_GUEST-ring.ToGuest]
	_ = [1]struct{}{}[C.RING_TO_PROGRAM-ring.ToProgram]
	_ = [1]struct{}{}[C.RING_EOF-ring.Eof]
	_ = [1]struct{}{}[C.RING_GONE-ring.Gone]
	_ = [1]struct{}{}[C.RING_RESET-ring.Reset]
	_ = [1]struct{}{}[C.RING_READER_WAITS-ring.ReaderWaits]
	_ = [1]struct{}{}[C.RING_WRITER_WAITS-ring.WriterWaits]
)
