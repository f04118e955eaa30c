//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVariable has the job of the first process of a place: a set of namespaces, with a file system, a network and
// processes of its own, all of which end with that process.
const insideVariable = "EMBEDDEDPG_TAP_INSIDE"

// job is a program to run in a place.
type job struct {
	Root   string   // where the place's file system is mounted
	Lower  string   // its layers, as overlayfs wants them
	Upper  string   // takes what is written
	Work   string   // overlayfs's own
	Tmp    string   // is /tmp
	Home   string   // is /home/tap
	UID    int      // user and group
	Dir    string   // working directory
	Argv   []string // the program's
	Env    []string
	Loaded bool
}

func inside() {
	var j job
	err := json.Unmarshal([]byte(os.Getenv(insideVariable)), &j)
	if err == nil {
		err = j.mount()
	}
	if err == nil {
		err = loopbackUp()
	}
	code := 0
	if err == nil {
		code, err = j.run()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "tap: %v\n", err)
		os.Exit(125)
	}
	os.Exit(code)
}

func (j *job) mount() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	for _, m := range []struct {
		from, to, kind string
		flags          uintptr
		data           string
	}{
		{"overlay", "", "overlay", 0, "lowerdir=" + j.Lower + ",upperdir=" + j.Upper + ",workdir=" + j.Work},
		{"proc", "proc", "proc", 0, ""},
		{"/dev", "dev", "", unix.MS_BIND | unix.MS_REC, ""},
		{"tmpfs", "dev/shm", "tmpfs", 0, "mode=1777"},
		{j.Tmp, "tmp", "", unix.MS_BIND, ""},
		{j.Home, "home/tap", "", unix.MS_BIND, ""},
	} {
		if err := unix.Mount(m.from, filepath.Join(j.Root, m.to), m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount /%s: %w", m.to, err)
		}
	}
	return nil
}

// loopbackUp makes 127.0.0.1 answer in a new network namespace.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// run runs the program and waits for it, and meanwhile for whatever has lost its parent, as a first process must.
func (j *job) run() (int, error) {
	cmd := exec.Command(j.Argv[0], j.Argv[1:]...)
	cmd.Env, cmd.Dir = j.Env, j.Dir
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Chroot:     j.Root,
		Credential: &syscall.Credential{Uid: uint32(j.UID), Gid: uint32(j.UID)},
		Setsid:     true,
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case pid == cmd.Process.Pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		case pid == cmd.Process.Pid && status.Exited():
			return status.ExitStatus(), nil
		}
	}
}
