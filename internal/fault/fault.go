// Package fault holds the error that a person can do something about. It is shared by the packages
// that find such errors; the root package gives it its public name.
package fault

import "strings"

// Error says what was attempted, on what, why it did not work, and what to do.
type Error struct {
	Op   string // what was attempted: "open the data directory"
	Path string // the file, directory or address it was attempted on; may be empty
	Hint string // what the reader can do; a sentence, may be empty
	Err  error  // why it did not work; never nil
}

// Error returns "op path: reason (hint)".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Path != "" {
		b.WriteString(" " + e.Path)
	}
	b.WriteString(": " + e.Err.Error())
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }
