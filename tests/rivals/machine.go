package rivals

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Machine describes the computer in a few words.
func Machine() string {
	model := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, "model name"); ok {
				model = strings.TrimSpace(strings.TrimLeft(rest, " \t:"))
				break
			}
		}
	}
	cores, _ := exec.Command("nproc").Output()
	kernel, _ := exec.Command("uname", "-sr").Output()
	return fmt.Sprintf("%s cores of %s, %s", strings.TrimSpace(string(cores)), model, strings.TrimSpace(string(kernel)))
}
