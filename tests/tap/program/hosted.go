//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/kernel"
)

// hosted is a process of the kernel that is a program of the host. It makes the system calls that a guest would.
type hosted struct {
	mu  sync.Mutex
	cmd *exec.Cmd
}

// guestVariable is set where a guest has started this program: one that asks for a version wants its own.
const guestVariable = "EMBEDDEDPG_TAP_GUEST"

// hostedMemory is what such a process has as its memory: room for its arguments.
const hostedMemory = 1 << 20

// caller makes the calls of one process, on one thread.
type caller struct {
	host kernel.Host
	mem  []byte
	fast *kernel.FastPath
}

// Start implements kernel.Module.
func (m *hosted) Start(h kernel.Host, _ uint64) error {
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		c := &caller{host: h, mem: make([]byte, hostedMemory), fast: new(kernel.FastPath)}
		h.Begin(unsafe.Pointer(&c.mem[0]), c.fast)
		c.call(abi.SYS_exit_group, int32(m.run(c)))
		h.Detach()
		h.End(nil)
		runtime.KeepAlive(c)
	}()
	return nil
}

// Kill implements kernel.Killer.
func (m *hosted) Kill(kernel.Host) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cmd != nil && m.cmd.Process != nil {
		return m.cmd.Process.Kill()
	}
	return nil
}

// run runs the program and returns its exit code, as a shell would have it.
func (m *hosted) run(c *caller) int {
	argv, env := c.args()
	if len(argv) == 0 {
		return 127
	}
	mask := c.call(abi.SYS_umask, 0)
	cmd := exec.Command("/bin/sh", append([]string{"-c", fmt.Sprintf(`umask %o; exec "$@"`, mask), "sh"}, argv...)...)
	cmd.Env = append(env, guestVariable+"=1")
	if n := c.call(abi.SYS_getcwd, 0, 4096); n > 0 {
		cmd.Dir = string(bytes.TrimRight(c.mem[:n], "\x00"))
	}
	files := []*os.File{c.file(0, os.Stdin), c.file(1, os.Stdout), c.file(2, os.Stderr)}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = files[0], files[1], files[2]
	m.mu.Lock()
	m.cmd = cmd
	err := cmd.Start()
	m.mu.Unlock()
	for i, own := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if files[i] != own {
			files[i].Close() // who reads a pipe waits for all of its writers
		}
	}
	if err == nil {
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		return 127
	}
	if s := exit.Sys().(syscall.WaitStatus); s.Signaled() {
		return 128 + int(s.Signal())
	}
	return exit.ExitCode()
}

func (c *caller) call(nr int32, args ...int32) int32 {
	var a [6]int32
	copy(a[:], args)
	r, _ := c.host.Syscall(hostedMemory, nr, &a)
	return r
}

// args reads what the kernel tells a process at its start: argc, argv, 0, environ, 0.
func (c *caller) args() (argv, env []string) {
	const at = 8 // 0 would only ask for the size
	if c.call(abi.SYS_args, at, hostedMemory-at) <= 0 {
		return nil, nil
	}
	word := func(at int) int { return int(*(*int32)(unsafe.Pointer(&c.mem[at]))) }
	list := func(at int) (l []string) {
		for ; word(at) != 0; at += 4 {
			text, _, _ := strings.Cut(string(c.mem[word(at):]), "\x00")
			l = append(l, text)
		}
		return l
	}
	return list(at + 4), list(at + 4 + 4*(word(at)+1))
}

// file is a descriptor of the process as one of the host: that of a file or a pipe of the guest, else one of this program.
func (c *caller) file(fd int, own *os.File) *os.File {
	e := c.fast.FD[fd]
	if e.Flags&(kernel.FastPathFile|kernel.FastPathPipe|kernel.FastPathSocket) == 0 {
		return own
	}
	host, err := unix.FcntlInt(uintptr(e.Host), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return own
	}
	// Its end of a pipe is the process's alone, and other programs do not expect EAGAIN.
	_ = unix.SetNonblock(host, false)
	return os.NewFile(uintptr(host), "descriptor")
}
