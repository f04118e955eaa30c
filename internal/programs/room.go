package programs

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/vm"
)

// serverProcesses is what a server has at once when it has started and one session is there: postmaster, checkpointer, background
// writer, WAL writer, autovacuum launcher, logical replication launcher, three I/O workers, session.
const serverProcesses = 10

// room says what the operating system's limits leave too little of: a *fault.Error, or nil.
func room(e *vm.Engine, server bool, list []*module) error {
	processes := 1
	if server {
		processes = serverProcesses
		if err := descriptors(processes); err != nil {
			return err
		}
	}
	runner := vm.Wasmtime
	if len(list) > 0 && list[0].native() {
		runner = vm.Native
	}
	err := e.Room(processes, runner)
	var missing *vm.RoomError
	if !errors.As(err, &missing) {
		return err
	}
	f := &fault.Error{Op: fmt.Sprintf("reserve what %d processes need", processes), Err: err}
	if missing.Threads > 0 {
		f.Hint = "let this user or container have more threads (ulimit -u, TasksMax= of a systemd unit, the container's limit of processes)"
	} else {
		f.Hint = fmt.Sprintf("raise the limit of address space (ulimit -v, LimitAS= of a systemd unit) by %d GiB, or lift it: addresses cost no memory",
			(missing.Need-missing.Have)>>30+1)
	}
	return f
}

// descriptors says that the program may open too few files.
func descriptors(processes int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil //nolint:nilerr // no limit is known
	}
	need := kernel.MinDescriptors(processes)
	if limit.Cur >= uint64(need) {
		return nil
	}
	return &fault.Error{
		Op: fmt.Sprintf("reserve what %d processes need", processes), Err: fmt.Errorf("%d descriptors are too few: %w", limit.Cur, unix.EMFILE),
		Hint: fmt.Sprintf("let this program open at least %d files (ulimit -n, LimitNOFILE= of a systemd unit)", need),
	}
}
