//go:build unix && !linux

package vm

import (
	"errors"
	"os"
)

// memoryFile returns an error: the system has no files in memory.
func memoryFile([]byte) (*os.File, error) { return nil, errors.ErrUnsupported }
