//go:build !linux && !darwin && !windows

package vfs

import (
	"syscall"

	"nself.org/embeddedpg/internal/abi"
)

var hostErrnos map[syscall.Errno]abi.Errno
