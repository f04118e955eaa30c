package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
)

// State is what a supervisor tells of itself. It is kept in state.json, and answered by the control socket.
type State struct {
	PID       int       `json:"pid"`
	Phase     Phase     `json:"phase"`
	Version   string    `json:"version"`           // PostgreSQL's
	Control   string    `json:"control"`           // path of the control socket
	SocketDir string    `json:"socket_dir"`        // libpq's host
	Port      int       `json:"port"`              // of the socket's name
	User      string    `json:"user"`              // the superuser
	Database  string    `json:"database"`          //
	Listen    string    `json:"listen,omitempty"`  // TCP address, if there is one
	Metrics   string    `json:"metrics,omitempty"` // TCP address that Prometheus scrapes, if there is one
	Shared    bool      `json:"shared"`            // its socket is open to containers
	Transient bool      `json:"transient"`         // it ends with the last program that holds it
	Started   time.Time `json:"started"`           // of this phase
	Failure   string    `json:"failure,omitempty"` // why it ended, if by itself
	Runtime   string    `json:"runtime"`           // the runtime directory
	Project   string    `json:"project,omitempty"` // the project's directory
	Name      string    `json:"name,omitempty"`    // the project's name, and @ and the branch's
	Branch    string    `json:"branch,omitempty"`  // of the project's database; "": the main one
	ServerPID int       `json:"server_pid"`        // the process of PostgreSQL; 0 until it runs
	LastCrash *Crash    `json:"last_crash,omitempty"`
	Archive   string    `json:"archive,omitempty"`    // directory of the archived log, if there is one
	ArchiveID string    `json:"archive_id,omitempty"` // DirID of it when the server was started
	OOMKills  int64     `json:"oom_kills"`            // processes that the kernel had killed for want of memory when it started; -1: unknown
}

// Phase is where a supervisor is in its life.
type Phase string

// The phases. Crashed is never told by a supervisor itself: Find finds it.
const (
	Starting   Phase = "starting"
	Ready      Phase = "ready"
	Restarting Phase = "restarting" // it has crashed, and is started again
	Stopping   Phase = "stopping"
	Stopped    Phase = "stopped"
	Crashed    Phase = "crashed"
)

// ErrRunning is returned where a supervisor has the runtime directory already.
var ErrRunning = errors.New("it is running already")

// writeState is not flushed: the process that the state is about does not outlive the machine.
func (p Paths) writeState(s State) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return hostdir.ReplaceUnflushed(p.state(), append(b, '\n'), 0o600)
}

// readState returns the state last written; false if there is none or it cannot be read.
func (p Paths) readState() (s State, ok bool) {
	b, err := os.ReadFile(p.state())
	return s, err == nil && json.Unmarshal(b, &s) == nil
}

// holdLock takes the lock of the runtime directory. It is held until the file is closed, and by no
// child: Go opens files so that they are not inherited.
func (p Paths) holdLock() (*os.File, error) {
	f, err := os.OpenFile(p.lock(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &fault.Error{Op: "lock the runtime directory", Path: p.Runtime, Err: err, Hint: "it must belong to this user"}
	}
	if err := hostdir.TryLock(f); err != nil {
		f.Close()
		if errors.Is(err, hostdir.ErrLocked) {
			return nil, &fault.Error{Op: "start the database of", Path: p.Runtime, Err: ErrRunning, Hint: "see nself status"}
		}
		return nil, fmt.Errorf("lock %s: %w", p.lock(), err)
	}
	return f, nil
}

// locked reports whether a supervisor lives.
func (p Paths) locked() (bool, error) {
	f, err := os.Open(p.lock())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = hostdir.TryShare(f)
	if errors.Is(err, hostdir.ErrLocked) {
		return true, nil
	}
	return false, err
}
