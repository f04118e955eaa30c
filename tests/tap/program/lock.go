//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lockTime is what the process of a server may take to end once it has removed its postmaster.pid.
const lockTime = 10 * time.Second

// lock takes a data directory, as package cluster does for users' servers: a guest's kernel knows no processes but its own,
// so its server cannot tell from a process id in postmaster.pid whether another one runs. Where there is no such directory,
// nothing is locked: the server says what it thinks of that.
func lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return func() {}, nil
	}
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, nil
		case !errors.Is(err, unix.EWOULDBLOCK):
			f.Close()
			return nil, err
		case owned(dir) || time.Since(begin) > lockTime:
			f.Close()
			return nil, fmt.Errorf("FATAL:  lock file %q already exists", "postmaster.pid")
		}
	}
}

// owned reports whether the process that postmaster.pid names lives.
func owned(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	line, _, _ := strings.Cut(string(text), "\n")
	pid, _ := strconv.Atoi(strings.TrimPrefix(line, "-"))
	return err == nil && pid > 0 && syscall.Kill(pid, 0) == nil
}
