package vm

import "time"

// Phase is a step of loading a module.
type Phase int

const (
	Waiting   Phase = iota + 1 // another process compiles the same module
	Compiling                  // takes seconds
	Storing                    // writes the compiled module to the cache
	Loaded                     // the last report
)

// String returns a word for the phase.
func (p Phase) String() string {
	return [...]string{"", "waiting", "compiling", "storing", "loaded"}[p]
}

// Progress is one report of Engine.Load.
type Progress struct {
	Module  string
	Phase   Phase
	Elapsed time.Duration // since Load began
}

// progressInterval is how often a phase that goes on is reported again.
const progressInterval = 200 * time.Millisecond

// reporter calls a progress function, never twice at once. A nil function is allowed.
type reporter struct {
	f      func(Progress)
	module string
	begin  time.Time
	last   time.Time // of the last report
}

func (r *reporter) report(p Phase) {
	r.last = time.Now()
	if r.f != nil {
		r.f(Progress{Module: r.module, Phase: p, Elapsed: time.Since(r.begin)})
	}
}

// again reports p if the last report is old.
func (r *reporter) again(p Phase) {
	if time.Since(r.last) >= progressInterval {
		r.report(p)
	}
}

// during reports p at once and then at intervals until work returns.
func (r *reporter) during(p Phase, work func()) {
	if r.f == nil {
		work()
		return
	}
	r.report(p)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				r.report(p)
			}
		}
	}()
	defer func() {
		close(stop)
		<-stopped
	}()
	work()
}
