package embeddedpg

import (
	"errors"

	"nself.org/embeddedpg/internal/fault"
)

// Error is the error of something that a person can put right. Its fields are
//
//	Op   what was attempted, such as "open the data directory"
//	Path the file, directory or address it was attempted on; may be empty
//	Hint what to do about it; may be empty
//	Err  why it did not work
//
// Use errors.As with a *Error. Errors of SQL statements never take this form: they come from the
// server, through the client's own driver.
type Error = fault.Error

// ErrClosed is returned by a Server's methods after Close.
var ErrClosed = errors.New("embeddedpg: the server is closed")

// ErrShutDown is returned by Server.Wait where the server was shut down in order by something else than
// Close: a signal, or PostgreSQL's own pg_ctl.
var ErrShutDown = errors.New("embeddedpg: the server was shut down from elsewhere")
