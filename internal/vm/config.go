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

// ErrNotKept is in a Module's warning if the next start compiles or unpacks again.
var ErrNotKept = errors.New("machine code is not kept on disk, so that each start makes it anew")

// ErrNoNative is returned where native code is asked for and there is none.
var ErrNoNative = errors.New("there is no native code of this module for this processor")

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

// Runner is what runs a module's code.
type Runner string

// The runners.
const (
	Native   Runner = "native"   // code made ahead of time
	Wasmtime Runner = "wasmtime" // which compiles the WebAssembly here
)

// Code is a module in the forms that there are.
type Code struct {
	Hash   string                 // SHA-256 of the WebAssembly, hexadecimal
	Wasm   func() ([]byte, error) // is called where wasmtime has to compile
	Native *NativeCode            // nil: none
}

// NativeCode is an image that wasm/native.sh made of the module with the same hash, still packed.
type NativeCode struct {
	ID     string             // differs for different content
	Size   int64              // of the image, in bytes
	Unpack func([]byte) error // writes it
}

// LoadOptions are the choices of Load.
type LoadOptions struct {
	CacheDir string // of machine code; "": none

	// Runner is what must run the module: where that is Native, Load fails with ErrNoNative if there is no native code.
	// Default: Native if there is some, else Wasmtime.
	Runner Runner

	// SideModules makes the program one that side modules can be put into. Its functions are then reachable by name:
	// by wasmtime that costs the server 0.3 s of compiling and some milliseconds of each start.
	SideModules bool

	// Progress, if not nil, is called when the module is loaded, and where it is compiled at the beginning of each phase and
	// several times a second while one lasts, never twice at once and not after Load has returned.
	Progress func(Progress)
}
