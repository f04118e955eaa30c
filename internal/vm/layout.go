//go:build cgo

package vm

// #include "lane.h"
import "C"

import (
	"unsafe"

	"nself.org/embeddedpg/internal/kernel"
)

// Each line compiles only if its difference is 0.
var (
	_ = [1]struct{}{}[C.LANE_SIZE-unsafe.Sizeof(kernel.Lane{})]
	_ = [1]struct{}{}[C.LANE_FD_SIZE-unsafe.Sizeof(kernel.LaneFD{})]

	_ = [1]struct{}{}[C.LANE_AT_SIG-unsafe.Offsetof(kernel.Lane{}.Sig)]
	_ = [1]struct{}{}[C.LANE_AT_PID-unsafe.Offsetof(kernel.Lane{}.Pid)]
	_ = [1]struct{}{}[C.LANE_AT_WAKE_FD-unsafe.Offsetof(kernel.Lane{}.WakeFD)]
	_ = [1]struct{}{}[C.LANE_AT_WAITING-unsafe.Offsetof(kernel.Lane{}.Waiting)]
	_ = [1]struct{}{}[C.LANE_AT_OFF-unsafe.Offsetof(kernel.Lane{}.Off)]
	_ = [1]struct{}{}[C.LANE_AT_FD-unsafe.Offsetof(kernel.Lane{}.FD)]
	_ = [1]struct{}{}[C.LANE_FD_AT_HOST-unsafe.Offsetof(kernel.LaneFD{}.Host)]
	_ = [1]struct{}{}[C.LANE_FD_AT_FLAGS-unsafe.Offsetof(kernel.LaneFD{}.Flags)]

	_ = [1]struct{}{}[C.LANE_AT_TABLE-unsafe.Offsetof(kernel.Lane{}.Table)]
	_ = [1]struct{}{}[C.POST_SLOT_SIZE-unsafe.Sizeof(kernel.PostSlot{})]
	_ = [1]struct{}{}[C.POST_SLOT_AT_USERS-unsafe.Offsetof(kernel.PostSlot{}.Users)]
	_ = [1]struct{}{}[C.POST_SLOT_AT_LANE-unsafe.Offsetof(kernel.PostSlot{}.Lane)]

	_ = [1]struct{}{}[C.POST_SLOTS-kernel.PostSlots]
	_ = [1]struct{}{}[C.LANE_FDS-kernel.LaneFDs]
	_ = [1]struct{}{}[C.WAIT_NONE-kernel.WaitNone]
	_ = [1]struct{}{}[C.WAIT_POLL-kernel.WaitPoll]
	_ = [1]struct{}{}[C.WAIT_FUTEX-kernel.WaitFutex]
	_ = [1]struct{}{}[C.LANE_READ-kernel.LaneRead]
	_ = [1]struct{}{}[C.LANE_WRITE-kernel.LaneWrite]
	_ = [1]struct{}{}[C.LANE_FILE-kernel.LaneFile]
	_ = [1]struct{}{}[C.LANE_SOCKET-kernel.LaneSocket]
	_ = [1]struct{}{}[C.LANE_PIPE-kernel.LanePipe]
	_ = [1]struct{}{}[C.LANE_NONBLOCK-kernel.LaneNonblock]
	_ = [1]struct{}{}[C.LANE_POLL-kernel.LanePoll]
)
