package vm

import (
	"os"
	"strconv"
	"strings"
	"sync"
)

// samePath returns a path that opens the very file that f has open.
func samePath(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

// bootID names the time since the machine was started; "": it is not known.
var bootID = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
})
