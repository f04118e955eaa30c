//go:build !linux && !darwin && !windows

package vfs

import "syscall"

var hostErrnos map[syscall.Errno]int32
