//go:build !linux

package ring

import (
	"errors"
	"time"
)

// Available tells that this system has what rings need. Elsewhere New fails.
const Available = false

// errNoBell: macOS has no eventfd, whose every write is an edge for the poller without being read.
var errNoBell = errors.New("ring: needs Linux's eventfd")

func newBell() (int32, error)         { return -1, errNoBell }
func ringBell(int32)                  {}
func drainBell(int32)                 {}
func waitWord(*uint32, uint32, int64) {}
func wakeWord(*uint32)                {}
func closeBell(int32)                 {}
func newMemory() ([]byte, error)      { return nil, errNoBell }
func freeMemory([]byte)               {}

func clocks() (time.Time, int64) { return time.Now(), 0 }
