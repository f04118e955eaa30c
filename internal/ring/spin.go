package ring

import (
	"runtime"
	"sync/atomic"
	"time"
)

// SpinMax is the longest that a reader looks for bytes before it sleeps. A wake-up costs 5 to 50 us of
// latency, as the processor that sleeps must be woken too; a short query is answered in less.
const SpinMax = 50 * time.Microsecond

// spinning counts the readers that look; more than half of the processors shall not.
var spinning atomic.Uint32

var maxSpinning = uint32(runtime.NumCPU() / 2)

var epoch = time.Now()

// spinner decides how long a reader looks before it sleeps: as long as it has lately paid off. It begins with
// none, starts when a sleep turns out to have been short, and halves with each time that it looked in vain.
type spinner struct {
	budget time.Duration
	asleep time.Duration // when the sleep began, since epoch
}

// until looks for ok to become true, for as long as the budget allows. The goroutine keeps its P: in a
// program whose goroutines keep all busy it would wait milliseconds for another.
func (s *spinner) until(ok func() bool) bool {
	if s.budget == 0 {
		return false
	}
	if spinning.Add(1) > maxSpinning {
		spinning.Add(^uint32(0))
		return false
	}
	defer spinning.Add(^uint32(0))
	for begin := time.Since(epoch); time.Since(epoch)-begin < s.budget; {
		for range 20 {
			if ok() {
				s.budget = SpinMax
				return true
			}
		}
	}
	if s.budget /= 2; s.budget < time.Microsecond {
		s.budget = 0
	}
	return false
}

func (s *spinner) sleep() { s.asleep = time.Since(epoch) }

// woke ends a sleep. One that lasted hardly longer than the wake-up itself shall not happen again.
func (s *spinner) woke() {
	if time.Since(epoch)-s.asleep < 2*SpinMax && maxSpinning > 0 {
		s.budget = SpinMax
	}
}
