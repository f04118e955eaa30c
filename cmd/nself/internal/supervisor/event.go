package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/fault"
)

// Event is what a starting supervisor tells the program that started it, one JSON line each.
type Event struct {
	Stage   embeddedpg.Stage `json:"stage,omitempty"`   // a stage has begun or goes on
	Elapsed time.Duration    `json:"elapsed,omitempty"` // since its beginning
	Notice  string           `json:"notice,omitempty"`  // a sentence for a person: something else happened than was perhaps meant
	Ready   *State           `json:"ready,omitempty"`   // the last event of a start that succeeded
	Error   *Failure         `json:"error,omitempty"`   // the last event of one that failed
}

// Failure is an error on its way between two processes.
type Failure struct {
	Op, Path, Hint, Text string
	Running              bool // ErrRunning
}

func newFailure(err error) *Failure {
	f := &Failure{Text: err.Error(), Running: errors.Is(err, ErrRunning)}
	var e *fault.Error
	if errors.As(err, &e) {
		f.Op, f.Path, f.Hint, f.Text = e.Op, e.Path, e.Hint, e.Err.Error()
	}
	return f
}

func (f *Failure) err() error {
	err := errors.New(f.Text)
	if f.Running {
		err = ErrRunning
	}
	if f.Op == "" {
		return err
	}
	return &fault.Error{Op: f.Op, Path: f.Path, Hint: f.Hint, Err: err}
}

// readEvents passes the events on to progress until the last, and returns what that says.
func readEvents(r io.Reader, progress func(Event)) (State, error) {
	d := json.NewDecoder(r)
	for {
		var e Event
		switch err := d.Decode(&e); {
		case err != nil:
			return State{}, fmt.Errorf("it ended while it started (%w)", err)
		case e.Error != nil:
			return State{}, e.Error.err()
		case e.Ready != nil:
			return *e.Ready, nil
		}
		progress(e)
	}
}
