package ring

import (
	"runtime"
	"sync/atomic"
	"time"
)

// SpinMax is the longest that a reader looks for bytes before it sleeps. A wake-up costs 5 to 50 us of
// latency, as the processor that sleeps must be woken too; a short query is answered in less.
const SpinMax = 50 * time.Microsecond

// spinning counts the readers that look: at most half as many as there are processors.
var spinning atomic.Uint32

var maxSpinning = uint32(runtime.NumCPU() / 2)

// epoch is a time for which both Go's and the system's monotonic clock are known.
var epoch, epochMonotonic = clocks()

// monotonic is CLOCK_MONOTONIC in ns, to within a microsecond. It makes no system call.
func monotonic() int64 { return epochMonotonic + int64(time.Since(epoch)) }

// spinner decides whether a reader looks before it sleeps. It does after a sleep that turned out to have been
// short, unless looking has lately been in vain: then it skips the next 1, 3, 7 ... 255 times. On a machine
// with nothing else to do every look succeeds; where the other side waits for this very processor none does.
type spinner struct {
	short         bool // the last sleep
	skip, penalty uint32
	asleep        int64 // when the sleep began, by monotonic
	holding       holder
}

// holder decides whether a reader sleeps with its P before it parks. It does after a park that ended late: the
// bell had rung, but in a program whose goroutines keep all P busy the reader had to wait for one. While
// it sleeps with its P, the processor is free for the server's thread, which is what it waits for. It skips
// some times after it did in vain, as spinner does.
type holder struct {
	late          bool // the last park ended late
	skip, penalty uint32
}

const (
	lateAfter = 300 * time.Microsecond
	holdMax   = time.Millisecond
)

// wanted tells whether to hold this time; held notes what came of it.
func (h *holder) wanted() bool {
	if h.late && h.skip > 0 {
		h.skip--
		return false
	}
	return h.late
}

func (h *holder) held(success bool) {
	h.penalty = min(2*h.penalty+1, MaxPenalty)
	if success {
		h.penalty = 0
	}
	h.skip = h.penalty
}

// until looks for ok to become true. The goroutine keeps its P: in a program whose goroutines keep all busy it
// would wait milliseconds for another.
func (s *spinner) until(ok func() bool) bool {
	if !s.short {
		return false
	}
	if s.skip > 0 {
		s.skip--
		return false
	}
	if spinning.Add(1) > maxSpinning {
		spinning.Add(^uint32(0))
		return false
	}
	defer spinning.Add(^uint32(0))
	for begin := time.Since(epoch); time.Since(epoch)-begin < SpinMax; {
		for range 20 {
			if ok() {
				s.penalty = 0
				return true
			}
		}
	}
	s.penalty = min(2*s.penalty+1, MaxPenalty)
	s.skip = s.penalty
	return false
}

// MaxPenalty is the greatest number of waits that do not look after one that did in vain.
const MaxPenalty = 255

func (s *spinner) sleep() { s.asleep = monotonic() }

// woke ends a sleep. One that lasted hardly longer than a wake-up itself was not worth it.
func (s *spinner) woke() { s.short = monotonic()-s.asleep < int64(2*SpinMax) }

// unparked ends a park in the poller; rang is when the bell was last rung.
func (s *spinner) unparked(rang int64) {
	if rang > s.asleep {
		s.holding.late = monotonic()-rang > int64(lateAfter)
	}
	s.woke()
}
