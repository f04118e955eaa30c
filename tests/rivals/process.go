package rivals

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CPU is the processor time used so far by the server's processes, those that have ended included.
func (s *Server) CPU() time.Duration {
	var ticks int64
	for _, pid := range s.pids() {
		if f, ok := stat(pid); ok {
			ticks += f[11] + f[12] // utime stime
			if pid == s.command.Process.Pid {
				ticks += f[13] + f[14] // of the children it has waited for
			}
		}
	}
	const perSecond = 100 // USER_HZ
	return time.Duration(ticks) * time.Second / perSecond
}

// Memory is the proportional set size of the server's processes in bytes: what is shared counts once.
func (s *Server) Memory() (int64, error) {
	var sum int64
	for _, pid := range s.pids() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if os.IsNotExist(err) {
			continue // it has just ended
		}
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				if err != nil {
					return 0, err
				}
				sum += kb << 10
			}
		}
	}
	return sum, nil
}

// pids are the server's processes: the one that was started, and its children where they are sessions.
func (s *Server) pids() []int {
	main := s.command.Process.Pid
	pids := []int{main}
	if !s.children {
		return pids
	}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if f, ok := stat(pid); ok && f[1] == int64(main) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// stat returns the numbers of /proc/pid/stat from the state on, which counts as field 0.
func stat(pid int) ([]int64, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, false
	}
	text := string(b)
	words := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	f := make([]int64, len(words))
	for i, w := range words {
		f[i], _ = strconv.ParseInt(w, 10, 64)
	}
	return f, len(f) > 14
}
