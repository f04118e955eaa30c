//go:build unix && !linux

package vm

import (
	"os"
	"strconv"
)

// samePath returns a path that opens the very file that f has open.
func samePath(f *os.File) string { return "/dev/fd/" + strconv.Itoa(int(f.Fd())) }

// bootID is not known here, and so entries are read through at each start.
func bootID() string { return "" }
