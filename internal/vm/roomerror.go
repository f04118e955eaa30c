package vm

import (
	"fmt"
	"syscall"
)

// RoomError says that the operating system has no room for the instances asked for.
type RoomError struct {
	Need, Have uint64        // address space in bytes; Have is less than Need unless it is threads that are missing
	Threads    int           // needed, if those are missing, else 0
	Errno      syscall.Errno // what was refused with
}

func (e *RoomError) Error() string {
	if e.Threads > 0 {
		return fmt.Sprintf("%d threads are needed: %v", e.Threads, e.Errno)
	}
	return fmt.Sprintf("%s of address space are needed, %s are left: %v", gib(e.Need), gib(e.Have), e.Errno)
}

// Unwrap returns the system's error.
func (e *RoomError) Unwrap() error { return e.Errno }

func gib(n uint64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }
