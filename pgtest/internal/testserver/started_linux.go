package testserver

import (
	"fmt"
	"os"
	"strings"
)

// started tells a process from any other one that has its number later.
func started(pid int) string {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	// Field 22, counted from the name's closing bracket, since names may contain spaces (proc_pid_stat(5)).
	if _, rest, ok := strings.Cut(string(b), ") "); ok {
		if f := strings.Fields(rest); len(f) > 19 {
			return fmt.Sprint(pid, " ", f[19])
		}
	}
	return ""
}
