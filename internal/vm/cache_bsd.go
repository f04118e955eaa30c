//go:build unix && !linux

package vm

import (
	"os"
	"strconv"
)

// samePath returns a path that opens the very file that f has open.
func samePath(f *os.File) string { return "/dev/fd/" + strconv.Itoa(int(f.Fd())) }
