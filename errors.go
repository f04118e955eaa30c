package embeddedpg

import (
	"errors"

	"nself.org/embeddedpg/internal/fault"
)

// Error is the error of something that a person can put right. Use errors.As with a *Error. Errors of SQL statements never take
// this form: they come from the server, through the client's own driver.
type Error struct {
	Op   string // what was attempted, such as "open the data directory"
	Path string // the file, directory or address it was attempted on; may be empty
	Hint string // what to do about it; may be empty
	Err  error  // why it did not work; never nil
}

// Error returns "op path: reason (hint)".
func (e *Error) Error() string { return (*fault.Error)(e).Error() }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// As lets this module's own programs treat it as the error type that its packages share.
func (e *Error) As(target any) bool {
	t, ok := target.(**fault.Error)
	if ok {
		*t = (*fault.Error)(e)
	}
	return ok
}

// ErrClosed is returned by a Server's methods after Close.
var ErrClosed = errors.New("embeddedpg: the server is closed")

// ErrShutDown is returned by Server.Wait where the server was shut down in order by something else than
// Close: a signal, or PostgreSQL's own pg_ctl.
var ErrShutDown = errors.New("embeddedpg: the server was shut down from elsewhere")

// public gives an error of this module's packages its public type, so that errors.As finds an *Error in it.
func public(err error) error {
	var own *Error
	var shared *fault.Error
	switch {
	case errors.As(err, &own) || !errors.As(err, &shared):
		return err
	case err == error(shared):
		return (*Error)(shared)
	}
	return &wrapped{err, (*Error)(shared)}
}

// wrapped is an error with an *Error somewhere in it.
type wrapped struct {
	error
	told *Error
}

func (w *wrapped) Unwrap() error { return w.error }

func (w *wrapped) As(target any) bool {
	t, ok := target.(**Error)
	if ok {
		*t = w.told
	}
	return ok
}
