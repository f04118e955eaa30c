package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"nself.org/embeddedpg"
)

// A server that ended by itself is started again after firstWait, and after twice as long each further time, unless it
// crashed maxRestarts times within restartWindow.
const (
	firstWait     = 500 * time.Millisecond
	maxRestarts   = 5
	restartWindow = 10 * time.Minute
)

// patience counts the restarts.
type patience struct {
	at []time.Time // of those within the window
}

// next returns how long to wait before the next restart; false if there is to be none.
func (p *patience) next(now time.Time) (time.Duration, bool) {
	recent := p.at[:0]
	for _, t := range p.at {
		if now.Sub(t) < restartWindow {
			recent = append(recent, t)
		}
	}
	p.at = recent
	if len(p.at) >= maxRestarts {
		return 0, false
	}
	wait := firstWait << len(p.at)
	p.at = append(p.at, now)
	return wait, true
}

// revive starts the server again after it has ended by itself. It returns nil and no error if somebody asked for the end
// meanwhile.
func (s *supervisor) revive(ctx context.Context, o Options, log slog.Handler, gone <-chan error, why error) (*embeddedpg.Server, error) {
	if listen := s.current().Listen; listen != "" {
		o.Listen = listen // the port that its clients know, where any was asked for
	}
	for {
		wait, again := s.patience.next(time.Now())
		crash := s.crashed(why)
		if !again {
			return nil, fmt.Errorf("%s; it was restarted %d times within %s, and is not again", crash.Reason, maxRestarts, restartWindow)
		}
		s.log.Error("the server ended by itself and is started again", "reason", crash.Reason, "wait", wait)
		s.note(s.enter(Restarting))
		select {
		case <-ctx.Done():
			return nil, nil
		case <-s.stop:
			return nil, nil
		case err := <-gone:
			return nil, err
		case <-time.After(wait):
		}
		if err := s.displaced(); err != nil {
			return nil, err // a start would make an empty cluster in the place of the data
		}
		s.mark()
		db, err := s.start(ctx, o, log, func(Event) {})
		if err == nil {
			return db, s.ready(db)
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-s.stop:
			return nil, nil
		default:
			why = err
		}
	}
}

// mark remembers what a crash from now on is compared with.
func (s *supervisor) mark() {
	s.oom = countOOM()
	s.logSize = 0
	if st, err := os.Stat(s.paths.Log()); err == nil {
		s.logSize = st.Size()
	}
}

// crashed writes a crash down.
func (s *supervisor) crashed(err error) Crash {
	c := Crash{
		At: time.Now(), Reason: describeCrash(err, s.oom, countOOM()), Log: lastWords(s.paths.Log(), s.logSize), Restarts: len(s.patience.at),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.state.LastCrash = &c
	s.mu.restarts++
	s.note(s.paths.writeCrash(c))
	return c
}
