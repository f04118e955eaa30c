//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"nself.org/embeddedpg/internal/kernel"
)

// debianCtl is Debian's pg_ctl.
const debianCtl = prefix + "/bin/.pg_ctl"

// ctl is Debian's pg_ctl, but that "pg_ctl kill" knows the processes of guests, whose ids mean nothing to the host.
func ctl(args []string) error {
	if len(args) == 3 && args[0] == "kill" {
		pid, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		if known, err := signalGuest(pid, args[1]); known || err != nil {
			return err
		}
	}
	return syscall.Exec(debianCtl, append([]string{"pg_ctl"}, args...), os.Environ())
}

// signalNames are those that the tests send.
var signalNames = map[string]syscall.Signal{
	"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "ABRT": syscall.SIGABRT, "KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM,
	"USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2,
}

// controlPattern are the sockets of the servers of this place; a server's has its process id.
const controlPattern = "/tmp/.embeddedpg-tap-%s"

// signalGuest sends a signal to the process with that id in the server that has one; known is false if none has.
func signalGuest(pid int, name string) (known bool, err error) {
	sig, ok := signalNames[name]
	if !ok {
		return false, fmt.Errorf("signal %s is not passed on", name)
	}
	servers, err := filepath.Glob(fmt.Sprintf(controlPattern, "*"))
	if err != nil {
		return false, err
	}
	var found []net.Conn
	for _, s := range servers {
		c, err := net.Dial("unix", s)
		if err != nil {
			continue // of a server that has ended
		}
		defer c.Close()
		fmt.Fprintln(c, pid, int(sig))
		var has int
		if _, err := fmt.Fscanln(c, &has); err == nil && has == 1 {
			found = append(found, c)
		}
	}
	if len(found) > 1 {
		return true, errors.New("several servers have such a process")
	}
	for _, c := range found {
		fmt.Fprintln(c, "send")
		_, err = fmt.Fscanln(c, new(int))
	}
	return len(found) == 1, err
}

// serveSignals answers signalGuest, until the program ends.
func serveSignals(k *kernel.Kernel) (remove func(), err error) {
	name := fmt.Sprintf(controlPattern, strconv.Itoa(os.Getpid()))
	_ = os.Remove(name)
	l, err := net.Listen("unix", name)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go answer(k, c)
		}
	}()
	return func() { l.Close() }, nil
}

// answer reads a process and a signal, says whether the process lives, and sends the signal when it is told to.
func answer(k *kernel.Kernel, c net.Conn) {
	defer c.Close()
	var pid, sig, lives int
	if _, err := fmt.Fscanln(c, &pid, &sig); err != nil {
		return
	}
	if pid != os.Getpid() && k.Kill(pid, 0) == nil {
		lives = 1
	}
	fmt.Fprintln(c, lives)
	var word string
	if _, err := fmt.Fscanln(c, &word); err != nil || word != "send" {
		return
	}
	_ = k.Kill(pid, sig)
	fmt.Fprintln(c, 1)
}
