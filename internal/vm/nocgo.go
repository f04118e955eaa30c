//go:build !cgo

package vm

import (
	"errors"
	"io/fs"

	"nself.org/embeddedpg/internal/kernel"
)

var errNoCgo = errors.New("vm: this program was built without cgo, which the wasm engine needs")

// Engine is a stand-in, so that programs compile without cgo: New fails.
type Engine struct{}

// Module is never made.
type Module struct{}

var _ kernel.Module = (*Module)(nil)

func New(Config) (*Engine, error) { return nil, errNoCgo }

func (*Engine) Load(string, Code, LoadOptions) (*Module, error) {
	return nil, errNoCgo
}

// CheckSides returns nil, as nothing runs.
func CheckSides([]string) []error { return nil }

// CheckSideFiles returns nil, as CheckSides does.
func CheckSideFiles(fs.FS) []error { return nil }

func (*Engine) Wait()                  {}
func (*Engine) Close() error           { return nil }
func (*Engine) Room(int, Runner) error { return errNoCgo }

func (*Module) Name() string                    { return "" }
func (*Module) Warning() error                  { return nil }
func (*Module) Runner() Runner                  { return "" }
func (*Module) Start(kernel.Host, uint64) error { return errNoCgo }
func (*Module) Kill(kernel.Host) error          { return nil }
func (*Module) HeapSize(kernel.Host) uint64     { return 0 }
