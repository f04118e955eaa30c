//go:build unix && !linux

package vm

import (
	"errors"
	"os"
)

// memoryFile returns an error: the system has no files in memory.
func memoryFile(int64) (*os.File, error) { return nil, errors.ErrUnsupported }

// reserve leaves it to writing to tell that there is no room.
func reserve(*os.File, int64) error { return nil }
