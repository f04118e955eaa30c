//go:build cgo && !((linux || darwin) && (amd64 || arm64))

package vm

import (
	"crypto/sha256"
	"io/fs"
	"os"

	"nself.org/embeddedpg/internal/wasmfile"
)

// native returns nil: there is native code for two systems on two processors only.
func (e *Engine) native(hash string, linkable bool) (*Module, error) { return nil, nil }

type source struct {
	file  *os.File
	size  int64
	bytes []byte

	linkable bool
}

func (e *Engine) mapImage(string, source) (*Module, error) { return nil, ErrNoNative }

func (m *Module) copied() bool { return false }

func (m *Module) named(message string) string { return message }

func (m *Module) nativeExports() (*wasmfile.File, error) { panic("no native code") }

func (s *side) loadNative(string, []byte, [sha256.Size]byte) error { panic("no native code") }

func nativeCode(code []byte) (bare, image []byte, err error) { return wasmfile.Native(code, "") }

// CheckSides returns nil: here no program is native code.
func CheckSides([]string) []error { return nil }

// CheckSideFiles returns nil, as CheckSides does.
func CheckSideFiles(fs.FS) []error { return nil }
