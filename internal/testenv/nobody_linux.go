package testenv

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

// Nobody is the user that AsNobody acts as where the tests run as root.
const Nobody = 65534

// AsNobody runs f without root's right to read and write everything. If the tests run as root, f runs on a
// thread of its own that has given it up; the thread ends with f. f must start no thread, so no guest: a thread inherits
// the loss, and Go would go on using it. Such a test runs in a process of its own: [InChild], [Become].
func AsNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	done := make(chan syscall.Errno, 1)
	returned := false
	go func() {
		defer close(done)      // f may call t.Fatal
		runtime.LockOSThread() // never unlocked: the thread is not used again
		const keep = ^uintptr(0)
		_, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, Nobody, keep)
		if e != 0 {
			done <- e
			return
		}
		f()
		returned = true
	}()
	if e := <-done; e != 0 {
		t.Skip("needs to give up root's rights, to be refused a file:", e)
	}
	if !returned {
		t.FailNow()
	}
}
