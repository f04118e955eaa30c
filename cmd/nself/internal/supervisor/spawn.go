package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"
)

// eventFD is the descriptor on which a spawned supervisor tells how its start goes on.
const eventFD = 3

// Spawn starts a supervisor that outlives this program, and returns when its database is ready. command
// is this program's own command line that calls Serve. If ctx ends before, the supervisor is told to end; if ctx was
// canceled, Spawn does not wait longer than endPatience for that, and the supervisor ends by itself.
func Spawn(ctx context.Context, o Options, command []string, progress func(Event)) (State, error) {
	p, err := NewPaths(o.Runtime, true)
	if err != nil {
		return State{}, err
	}
	log, err := os.OpenFile(p.Log(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return State{}, err
	}
	defer log.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return State{}, err
	}
	defer r.Close()
	options, err := json.Marshal(o)
	if err != nil {
		w.Close()
		return State{}, err
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = "/" // hold no file system but the runtime directory's
	cmd.Env = withoutSecrets(os.Environ())
	cmd.Stdin = bytes.NewReader(options) // a pipe: the password is in neither a command line nor an environment
	cmd.Stdout, cmd.Stderr = log, log    // a Go crash report lands there
	cmd.ExtraFiles = []*os.File{w}       // becomes eventFD
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return State{}, fmt.Errorf("start the background process: %w", err)
	}
	left := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if errors.Is(ctx.Err(), context.Canceled) {
			time.AfterFunc(endPatience, func() {
				close(left)
				r.Close() // ends readEvents
			})
		}
	})
	defer stop()
	s, err := readEvents(r, progress)
	if err == nil {
		return s, cmd.Process.Release()
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	select {
	case <-left:
		return s, errors.Join(err, cmd.Process.Release())
	default:
		_ = cmd.Wait() // what it ended with is in err or the log
		return s, err
	}
}

// endPatience is how long a person who has interrupted a start waits for the supervisor to end. It is over sooner in every
// phase but recovery, and recovery may take minutes.
const endPatience = time.Second

// withoutSecrets is the environment for a process that stays.
func withoutSecrets(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return strings.Contains(name, "PASSWORD") || strings.Contains(name, "SECRET") || strings.Contains(name, "TOKEN") || strings.Contains(name, "_KEY")
	})
}

// Serve is the spawned process: it reads its Options, runs, and ends on SIGTERM.
func Serve(ctx context.Context) error {
	ctx, cancel := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	var o Options
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return fmt.Errorf("this command is for nself itself: %w", err)
	}
	p, err := NewPaths(o.Runtime, true)
	if err != nil {
		return err
	}
	events := newEventWriter(os.NewFile(eventFD, "events"))
	log := &lumberjack.Logger{Filename: p.Log(), MaxSize: logSize, MaxBackups: logFiles}
	defer log.Close()
	err = Run(ctx, o, NewLogHandler(log), events.write)
	if err != nil {
		events.write(Event{Error: newFailure(err)})
	}
	return err
}

// The log is rotated when it has logSize megabytes; logFiles old ones are kept.
const (
	logSize  = 10
	logFiles = 3
)

// eventWriter writes events until the last. Nobody may be reading them any more: that is no error.
type eventWriter struct {
	mu struct {
		sync.Mutex
		f *os.File // nil after the last
	}
}

func newEventWriter(f *os.File) *eventWriter {
	w := &eventWriter{}
	w.mu.f = f
	return w
}

func (w *eventWriter) write(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mu.f == nil {
		return
	}
	err := json.NewEncoder(w.mu.f).Encode(e)
	if e.Ready != nil || e.Error != nil || errors.Is(err, syscall.EPIPE) {
		w.mu.f.Close()
		w.mu.f = nil
	}
}
