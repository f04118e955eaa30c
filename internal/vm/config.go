package vm

import (
	"errors"
	"fmt"
	"log/slog"
)

// Config describes an Engine. The zero value works.
type Config struct {
	// StackSize is the size in bytes of each instance's native stack, of which 2 MiB are kept for host calls. It is
	// virtual memory: only touched pages cost. A multiple of 64 KiB, at least 4 MiB; default 64 MiB.
	StackSize int

	// Log gets what has nowhere else to go: a panic in Host.End. Default discards.
	Log *slog.Logger
}

const (
	defaultStack = 64 << 20
	minStack     = 4 << 20
	stackUnit    = 64 << 10
)

// ErrClosed is returned when a closed Engine is asked to load or start a module.
var ErrClosed = errors.New("vm: engine is closed")

// ErrNotKept is in a Module's warning if the next start compiles again.
var ErrNotKept = errors.New("compiled code is not kept, so that each start compiles again")

func (c *Config) complete() error {
	if c.StackSize == 0 {
		c.StackSize = defaultStack
	}
	if c.StackSize < minStack || c.StackSize%stackUnit != 0 {
		return fmt.Errorf("vm: stack size %d is not a multiple of %d of at least %d", c.StackSize, stackUnit, minStack)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// LoadOptions are the choices of Load.
type LoadOptions struct {
	CacheDir string // of compiled code; "": none

	// SideModules makes the program one that side modules can be put into. Its functions are then reachable by name,
	// which costs the server 0.3 s of compiling and some milliseconds of each start.
	SideModules bool

	// Quick takes code that is compiled in less time and runs a tenth slower, where the good code is not in the cache
	// yet; see Module.Quick. It counts for nothing together with SideModules or without a cache.
	Quick bool

	// Progress, if not nil, is called at the beginning of each phase and several times a second while one lasts, never
	// twice at once and not after Load has returned.
	Progress func(Progress)
}
