package main

import (
	"io"
	"sync"

	"nself.org/embeddedpg"
)

// checkedWriter keeps the first error of a writer, so that a command whose output is lost does not end as if all were well. Its
// methods are safe for concurrent use if the writer's are.
type checkedWriter struct {
	w  io.Writer
	mu struct {
		sync.Mutex
		err error
	}
}

// Write implements io.Writer.
func (c *checkedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.mu.err == nil {
			c.mu.err = err
		}
	}
	return n, err
}

// failure returns the error that a person sees, nil if all was written.
func (c *checkedWriter) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.err == nil {
		return nil
	}
	return &embeddedpg.Error{Op: "write the output", Err: c.mu.err, Hint: "what it was sent to has no room, or takes no more"}
}
