package kernel

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"nself.org/embeddedpg/internal/abi"
)

var update = flag.Bool("update", false, "write docs/syscalls.md")

// Answered in the guest's libc, by wasm/port/src/syscall.c.
var inLibc = map[string]string{
	"rt_sigaction": "", "rt_sigprocmask": "", "rt_sigpending": "", "rt_sigsuspend": "sleeps in sigwait",
	"set_tid_address": "", "brk": "ENOSYS: malloc has its own way", "clone": "ENOSYS: spawn starts processes", "execve": "ENOSYS: likewise",
	"sigaltstack": "ENOSYS: handlers run on the ordinary stack", "mprotect": "0: nothing is protected", "madvise": "0: advice",
	"set_robust_list": "0", "membarrier": "0: a process is one thread",
}

// TestSyscallsPage: docs/syscalls.md is what the table of calls says.
func TestSyscallsPage(t *testing.T) {
	const file = "../../docs/syscalls.md"
	want := syscallsPage(t)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s is not what the table of calls says (%v): run go test ./internal/kernel -run TestSyscallsPage -update", file, err)
	}
}

func syscallsPage(t *testing.T) string {
	libc, err := os.ReadFile("../../wasm/port/src/syscall.c")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(`# System calls

What a guest may call, how far each call is supported, and why not further. The page is made of the
table in ` + "`internal/kernel/calls.go`" + `; a test holds that it is current. Numbers are Linux's generic ones
with 64-bit times, as musl has them for riscv32. A call that is not here fails with ENOSYS, never
with a false success. "Go, C": the fast path serves it on plain descriptors without entering Go; the
results are the same (` + "`TestConformance` in `internal/vm`" + `).

| number | call | served by | support |
|---:|---|---|---|
`)
	row := func(nr int32, r *callRow) {
		by, note := "Go", r.note
		if r.fast {
			by = "Go, C"
		}
		if note == "" {
			note = "full"
		}
		fmt.Fprintf(&b, "| %d | `%s` | %s | %s |\n", nr, abi.SyscallName(nr), by, note)
	}
	served := 0
	for nr := range calls {
		if r := rowOf(int32(nr)); r != nil {
			row(int32(nr), r)
			served++
		}
	}
	b.WriteString("\n## Our own\n\nCalls that Linux does not have: `wasm/port/src/private.h` has their arguments.\n\n| number | call | served by | purpose |\n|---:|---|---|---|\n")
	for i := range privateCalls {
		row(firstPrivate+int32(i), &privateCalls[i])
	}
	b.WriteString("\n## In libc\n\nAnswered in the guest's libc (`wasm/port/src/syscall.c`), for they concern the process alone.\n\n| call | answer |\n|---|---|\n")
	for nr := int32(0); nr < 1000; nr++ {
		name := abi.SyscallName(nr)
		answer, ok := inLibc[name]
		if !ok || name == "" {
			continue
		}
		if !strings.Contains(string(libc), "case SYS_"+name+":") {
			t.Errorf("libc does not answer %s", name)
		}
		if answer == "" {
			answer = "full"
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, answer)
	}
	b.WriteString("\n## Not served\n\n")
	var names []string
	for nr := int32(0); nr < 1000; nr++ {
		name := abi.SyscallName(nr)
		if _, libc := inLibc[name]; name != "" && !libc && rowOf(nr) == nil {
			names = append(names, "`"+name+"`")
		}
	}
	line := ""
	for i, name := range names {
		if i < len(names)-1 {
			name += ","
		}
		if len(line)+len(name) > 95 {
			b.WriteString(strings.TrimSpace(line) + "\n")
			line = ""
		}
		line += name + " "
	}
	b.WriteString(strings.TrimSpace(line) + "\n")
	if served < 80 || len(names) < 100 {
		t.Errorf("%d calls are served, %d are not", served, len(names))
	}
	return b.String()
}
