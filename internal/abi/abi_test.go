package abi_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"nself.org/embeddedpg/internal/abi"
)

// TestUsed: a size, an offset or a flag that is generated is also used, so that nobody writes the number by hand.
// System calls and error numbers are whole tables.
func TestUsed(t *testing.T) {
	generated, err := os.ReadFile("abi_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, pattern := range []string{"../kernel/*.go", "../vfs/*.go", "../cluster/*.go", "../vm/*.go", "../vm/*.c", "../vm/*.h"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			if file == "../vm/abi_gen.h" {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`\b(?:abi\.|GUEST_)(\w+)`).FindAllSubmatch(text, -1) {
				used[string(m[1])] = true
			}
		}
	}
	names := regexp.MustCompile(`(?m)^\t([A-Z]\w+)\s+= -?\d`).FindAllSubmatch(generated, -1)
	if len(names) < 200 {
		t.Fatalf("only %d names found", len(names))
	}
	for _, m := range names {
		name := string(m[1])
		if regexp.MustCompile(`^(SYS_|MaxMemory$)`).MatchString(name) || used[name] {
			continue
		}
		t.Errorf("%s is not used", name)
	}
}

func TestSyscallName(t *testing.T) {
	for nr, want := range map[int32]string{abi.SYS_read: "read", abi.SYS_spawn: "spawn", -1: "", 9999: ""} {
		if got := abi.SyscallName(nr); got != want {
			t.Errorf("%d is %q, want %q", nr, got, want)
		}
	}
}
