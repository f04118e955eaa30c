//go:build unix

package project

import (
	"os"
	"syscall"
)

// ownerOf returns the user that a file belongs to.
func ownerOf(path string) (uint32, bool) {
	st, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return sys.Uid, true
}
