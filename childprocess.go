package embeddedpg

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/kernel"
)

// A server in a child process. The parent's ends are three: the child's standard input, over which its Config goes and
// whose end tells it to shut down; a Unix socket, over which connections go as descriptors and one byte comes back when the
// child begins to shut down; and a pipe of events.

// childProcess is the parent's side.
type childProcess struct {
	cmd     *exec.Cmd
	input   *os.File
	control *net.UnixConn
	done    chan struct{} // closed when the child is gone; then err and closeErr are set
	err     error         // why the server ended by itself
	ready   childReady
}

// childConfig is what the child is told. Of the Config, gob leaves out what cannot be sent: Log and Progress.
type childConfig struct {
	Config Config
	Logs   bool
	Level  slog.Level // of Logs, the lowest
}

// childEvent is what the child tells: one of its fields is set.
type childEvent struct {
	Progress *Progress
	Log      *childLog
	Ready    *childReady
	Failed   *childError // Start's, the server's own or Close's error; the last event
}

type childReady struct {
	DataDir, SocketDir, Password, Addr, Engine string
}

// childError carries an error; Fault tells that it is an *Error.
type childError struct {
	Fault              bool
	Op, Path, Hint, Is string
}

func newChildError(err error) *childError {
	var e *Error
	if errors.As(err, &e) {
		return &childError{Fault: true, Op: e.Op, Path: e.Path, Hint: e.Hint, Is: e.Err.Error()}
	}
	return &childError{Is: err.Error()}
}

func (e *childError) error() error {
	err := errors.New(e.Is)
	if e.Fault {
		return &Error{Op: e.Op, Path: e.Path, Hint: e.Hint, Err: err}
	}
	return err
}

// startChild starts this program again as the server's process, and returns when the server accepts connections.
func startChild(ctx context.Context, cfg Config) (*childProcess, error) {
	if !childMainCalled.Load() {
		return nil, &Error{
			Op: "use Config.ChildProcess", Err: errors.New("the program would start itself without end"),
			Hint: "call embeddedpg.ChildMain() first in main, and in tests first in TestMain",
		}
	}
	ours, theirs, err := controlPair()
	if err != nil {
		return nil, fmt.Errorf("make a socket pair: %w", err)
	}
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	ours.Close()
	if err != nil {
		return nil, err
	}
	c := &childProcess{control: conn.(*net.UnixConn), done: make(chan struct{})}
	in, input, err := os.Pipe()
	if err != nil {
		conn.Close()
		return nil, err
	}
	defer in.Close()
	c.input = input
	events, out, err := os.Pipe()
	if err != nil {
		conn.Close()
		input.Close()
		return nil, err
	}
	if c.cmd, err = selfCommand(); err == nil {
		c.cmd.Env = append(os.Environ(), childMarker+"=1")
		c.cmd.Stdin, c.cmd.Stderr = in, os.Stderr // a crash report of Go's goes there
		c.cmd.ExtraFiles = []*os.File{theirs, out}
		err = c.cmd.Start()
	}
	out.Close() // so that the pipe ends with the child
	if err != nil {
		conn.Close()
		input.Close()
		events.Close()
		return nil, fmt.Errorf("start the server's process: %w", err)
	}
	started := make(chan struct{})
	go c.follow(cfg, events, started)

	send := childConfig{Config: cfg, Logs: cfg.Log != nil, Level: lowestLevel(ctx, cfg.Log)}
	send.Config.Log, send.Config.Progress = nil, nil
	if err := gob.NewEncoder(input).Encode(send); err != nil {
		_ = c.close(time.Second)
		return nil, fmt.Errorf("tell the server's process its Config: %w", err)
	}
	select {
	case <-started:
		return c, nil
	case <-c.done:
		c.input.Close()
		c.control.Close()
		return nil, c.err
	case <-ctx.Done():
		_ = c.close(cfg.ShutdownTimeout) // it stops what it began
		return nil, ctx.Err()
	}
}

func controlPair() (ours, theirs *os.File, err error) {
	syscall.ForkLock.RLock() // no other child shall inherit them
	defer syscall.ForkLock.RUnlock()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	unix.CloseOnExec(pair[0])
	unix.CloseOnExec(pair[1])
	return os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control"), nil
}

// follow passes on what the child tells until it is gone.
func (c *childProcess) follow(cfg Config, events *os.File, started chan struct{}) {
	defer close(c.done)
	defer events.Close()
	for d := gob.NewDecoder(events); ; {
		var e childEvent
		if d.Decode(&e) != nil {
			break
		}
		switch {
		case e.Progress != nil:
			cfg.Progress(*e.Progress)
		case e.Log != nil:
			_ = cfg.Log.Handle(context.Background(), e.Log.record())
		case e.Ready != nil:
			c.ready = *e.Ready
			close(started)
		case e.Failed != nil:
			c.err = e.Failed.error()
		}
	}
	if err := c.cmd.Wait(); err != nil && c.err == nil {
		c.err = fmt.Errorf("the server's process ended: %w", err)
	}
}

// push hands a connection to the child's server, as one that came from within the program.
func (c *childProcess) push(conn kernel.Conn) error {
	defer unix.Close(conn.FD)
	_, _, err := c.control.WriteMsgUnix([]byte{'c'}, unix.UnixRights(conn.FD), nil)
	if err != nil {
		return fmt.Errorf("hand a connection to the server's process: %w", err)
	}
	return nil
}

// close has the child shut the server down, and waits for its end.
func (c *childProcess) close(timeout time.Duration) error {
	c.input.Close()
	why := c.awaitEnd(timeout)
	c.control.Close()
	if why == "" || c.err == nil {
		return c.err
	}
	return &Error{
		Op: "stop the server", Path: c.ready.DataDir, Err: fmt.Errorf("its process %s, and was killed", why),
		Hint: "nothing committed is lost; the next start recovers from the write-ahead log",
	}
}

const (
	// answerTime is how long a child may take to answer that it shuts down, which it does before anything else. One that does
	// not is stopped (SIGSTOP) or hangs, and would use up the whole time of a shutdown and not end.
	answerTime = 10 * time.Second

	// childGrace is what a child may take beside the shutdown itself, before it is killed.
	childGrace = 20 * time.Second
)

// awaitEnd waits until the child, which has been told to shut down, is gone. If it had to be killed for that, awaitEnd returns
// why.
func (c *childProcess) awaitEnd(timeout time.Duration) (why string) {
	defer func() { <-c.done }()
	_ = c.control.SetReadDeadline(time.Now().Add(answerTime))
	if _, err := c.control.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		_ = c.cmd.Process.Kill()
		return fmt.Sprintf("did not answer within %s", answerTime)
	}
	t := time.NewTimer(timeout + childGrace)
	defer t.Stop()
	select {
	case <-c.done:
		return ""
	case <-t.C:
		_ = c.cmd.Process.Kill()
		return fmt.Sprintf("did not end within %s", timeout+childGrace)
	}
}

func lowestLevel(ctx context.Context, h slog.Handler) slog.Level {
	for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn} {
		if h != nil && h.Enabled(ctx, l) {
			return l
		}
	}
	return slog.LevelError
}

// selfCommand starts this very program, also when its file was replaced since, where the system allows it.
func selfCommand() (*exec.Cmd, error) {
	path := "/proc/self/exe"
	if _, err := os.Stat(path); err != nil {
		if path, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(path)
	cmd.Args = []string{os.Args[0]}
	return cmd, nil
}
