package embeddedpg

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"nself.org/embeddedpg/internal/kernel"
)

// childMarker is set in the environment of the process that is to be the server.
const childMarker = "EMBEDDEDPG_CHILD"

// Descriptors that the child gets beside its standard ones.
const (
	childControl = 3
	childEvents  = 4
)

var childMainCalled atomic.Bool

// ChildMain must be the first thing that main does in a program that uses Config.ChildProcess, and the first thing
// in TestMain in its tests. In the process that Start made for the server it runs the server and does not return;
// in every other it returns at once. The server finds the extensions in the given file systems, as in those of
// Config.Extensions.
func ChildMain(extensions ...fs.FS) {
	childMainCalled.Store(true)
	if os.Getenv(childMarker) == "" {
		return
	}
	_ = os.Unsetenv(childMarker)
	if err := childMain(extensions); err != nil {
		os.Exit(1) // the parent was told why
	}
	os.Exit(0)
}

func childMain(extensions []fs.FS) error {
	// What a terminal sends to all of its programs is the parent's to decide about. SIGTERM is for this one.
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	unix.CloseOnExec(childControl)
	unix.CloseOnExec(childEvents)
	events := &eventSender{enc: gob.NewEncoder(os.NewFile(childEvents, "events"))}
	err := serveParent(ctx, cancel, events, extensions)
	if err != nil {
		events.send(childEvent{Failed: newChildError(err)})
	}
	return err
}

// serveParent runs the server until standard input ends, as it does when the parent closes the server or dies.
func serveParent(ctx context.Context, cancel context.CancelFunc, events *eventSender, extensions []fs.FS) error {
	var told childConfig
	if err := gob.NewDecoder(os.Stdin).Decode(&told); err != nil {
		return fmt.Errorf("this process is for embeddedpg itself, which sets %s: %w", childMarker, err)
	}
	file := os.NewFile(childControl, "control")
	conn, err := net.FileConn(file)
	file.Close()
	if err != nil {
		return fmt.Errorf("open the socket to the parent: %w", err)
	}
	control := conn.(*net.UnixConn)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_, _ = control.Write([]byte{'s'}) // see childProcess.awaitEnd
		cancel()
	}()
	cfg := told.Config
	cfg.ChildProcess = false
	cfg.Extensions = extensions
	cfg.Progress = func(p Progress) { events.send(childEvent{Progress: &p}) }
	if told.Logs {
		cfg.Log = &childHandler{events: events, level: told.Level}
	}
	s, err := Start(ctx, cfg)
	if err != nil {
		return err
	}
	go receive(control, s)

	ready := childReady{DataDir: s.DataDir(), SocketDir: s.SocketDir(), Password: s.cfg.Password, Engine: s.Engine()}
	if addr := s.Addr(); addr != nil {
		ready.Addr = addr.String()
	}
	events.send(childEvent{Ready: &ready})
	ended := make(chan error, 1)
	go func() { ended <- s.Wait() }()
	select {
	case err = <-ended:
		if e := s.Close(); errors.Is(err, ErrShutDown) {
			return e
		}
		return err
	case <-ctx.Done():
		return s.Close()
	}
}

// receive takes the connections that the parent sends, until it has gone.
func receive(control *net.UnixConn, s *Server) {
	b, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	for {
		n, oobn, _, _, err := control.ReadMsgUnix(b, oob)
		if err != nil || n == 0 {
			return
		}
		messages, err := unix.ParseSocketControlMessage(oob[:oobn])
		if err != nil || len(messages) != 1 {
			continue
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			_ = unix.SetNonblock(fd, true)
			_ = s.push(kernel.Conn{FD: fd, Peer: kernel.InProcess()}) // it closes what it does not take
		}
	}
}

// eventSender sends events to the parent. One that has died reads none: that is no error.
type eventSender struct {
	mu  sync.Mutex
	enc *gob.Encoder
}

func (s *eventSender) send(e childEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.enc.Encode(e)
}

// childLog is a record of the server's log.
type childLog struct {
	Time    time.Time
	Level   slog.Level
	Message string
	Attrs   []childAttr
}

type childAttr struct {
	Key, Text string
	Number    int64
	IsNumber  bool // then Text is empty
}

func newChildAttr(a slog.Attr) childAttr {
	if v := a.Value.Resolve(); v.Kind() == slog.KindInt64 {
		return childAttr{Key: a.Key, Number: v.Int64(), IsNumber: true}
	}
	return childAttr{Key: a.Key, Text: a.Value.Resolve().String()}
}

func (l *childLog) record() slog.Record {
	r := slog.NewRecord(l.Time, l.Level, l.Message, 0)
	for _, a := range l.Attrs {
		if a.IsNumber {
			r.AddAttrs(slog.Int64(a.Key, a.Number))
		} else {
			r.AddAttrs(slog.String(a.Key, a.Text))
		}
	}
	return r
}

// childHandler sends the server's log to the parent's handler.
type childHandler struct {
	events *eventSender
	level  slog.Level
	attrs  []childAttr
	group  string
}

func (h *childHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

func (h *childHandler) Handle(_ context.Context, r slog.Record) error {
	l := &childLog{Time: r.Time, Level: r.Level, Message: r.Message, Attrs: h.attrs[:len(h.attrs):len(h.attrs)]}
	r.Attrs(func(a slog.Attr) bool {
		a.Key = h.group + a.Key
		l.Attrs = append(l.Attrs, newChildAttr(a))
		return true
	})
	h.events.send(childEvent{Log: l})
	return nil
}

func (h *childHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = c.attrs[:len(c.attrs):len(c.attrs)]
	for _, a := range attrs {
		a.Key = h.group + a.Key
		c.attrs = append(c.attrs, newChildAttr(a))
	}
	return &c
}

func (h *childHandler) WithGroup(name string) slog.Handler {
	c := *h
	c.group += name + "."
	return &c
}
