//go:build !linux

package testserver

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// started tells a process from others by its number alone, and is "" when it has ended.
func started(pid int) string {
	if unix.Kill(pid, 0) == unix.ESRCH {
		return ""
	}
	return strconv.Itoa(pid)
}
