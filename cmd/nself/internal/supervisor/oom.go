package supervisor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// oomCount is what the kernel says of memory.
type oomCount struct {
	kills int64 // processes killed for want of memory, of this control group or else of the machine; -1: unknown
	limit int64 // the control group's, in bytes; 0: none
}

// countOOM asks the kernel: memory.events and memory.max of control groups v2, memory.oom_control and
// memory.limit_in_bytes of v1, and /proc/vmstat where neither counts (Documentation/admin-guide/cgroup-v2.rst,
// cgroup-v1/memory.rst, and mm/oom_kill.c).
func countOOM() oomCount { return countOOMBelow("/") }

func countOOMBelow(root string) oomCount {
	c := oomCount{kills: -1}
	groups, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	for line := range strings.Lines(string(groups)) {
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 {
			continue
		}
		switch {
		case part[0] == "0" && part[1] == "":
			dir := filepath.Join(root, "sys/fs/cgroup", part[2])
			c = c.or(oomCount{counter(dir, "memory.events", "oom_kill"), number(dir, "memory.max")})
		case part[1] == "memory":
			dir := filepath.Join(root, "sys/fs/cgroup/memory", part[2])
			c = c.or(oomCount{counter(dir, "memory.oom_control", "oom_kill"), number(dir, "memory.limit_in_bytes")})
		}
	}
	if all := counter(root, "proc/vmstat", "oom_kill"); all > c.kills {
		c.kills = all // a limit further up, or the machine's memory
	}
	return c
}

func (c oomCount) or(d oomCount) oomCount {
	if c.kills < 0 {
		return d
	}
	return c
}

// counter is a number behind a word in a file of such lines; -1 if there is none.
func counter(dir, name, word string) int64 {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == word {
			if n, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				return n
			}
		}
	}
	return -1
}

// number is a file's only number; 0 if there is none, or no limit: v1 then has one that no machine has.
func number(dir, name string) int64 {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || n >= 1<<50 {
		return 0
	}
	return n
}
