// Package testenv is what the project's own tests need of the machine.
package testenv

import (
	"flag"
	"os"
	"testing"

	"nself.org/embeddedpg/internal/hostdir"
)

// Run is a TestMain's: it runs the tests and returns the exit code. With -short the temporary files are in memory.
func Run(tests func() int) int {
	flag.Parse()
	if testing.Short() {
		return inMemory(tests)
	}
	return tests()
}

// inMemory calls f, meanwhile with the temporary files of this program, and of those that it starts, in memory: it sets TMPDIR.
// Where the system has no place for that, they stay where they are. It is for tests to which the disk does not matter: ext4
// takes milliseconds to create a file where a thousand have just been removed.
func inMemory(f func() int) int {
	memory := hostdir.Memory()
	if memory == "" {
		return f()
	}
	dir, err := hostdir.MakeTemp(memory, "test-")
	if err != nil {
		return f()
	}
	defer dir.Remove() // or whoever makes the next one
	old, was := os.LookupEnv("TMPDIR")
	if os.Chmod(dir.Path(), os.ModeSticky|0o777) != nil || os.Setenv("TMPDIR", dir.Path()) != nil { // as /tmp: for tests as another user
		return f()
	}
	defer func() {
		if was {
			_ = os.Setenv("TMPDIR", old)
		} else {
			_ = os.Unsetenv("TMPDIR")
		}
	}()
	return f()
}
