package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/listen"
)

// Options describe a supervised database.
type Options struct {
	Runtime  string // the runtime directory
	Port     int    // of the socket's name; 0: 5432
	User     string // the superuser; "": postgres
	Password string // the superuser's; "": the one kept, or a new random one
	Database string // is made if it does not exist; "": postgres
	CacheDir string // of compiled code; "": the default
	Module   string // path of an engine module in place of the embedded one; "": none

	// Shared opens the socket to programs that see its directory from elsewhere, such as containers: the
	// directory has mode 0755 and the socket 0666, inside a parent that is this user's alone. The directory
	// stays after the end, because a mount of it would not follow to a new one.
	Shared bool

	Listen    string            // TCP address host:port besides the socket; "": none
	Settings  map[string]string // of the server; see embeddedpg.Config
	Transient bool              // end when nobody holds the database any more; see Hold

	ArchiveDir string // gets the finished segments of the write-ahead log; "": none
}

// Run starts the database and keeps it until ctx ends, someone asks for the end over the control socket,
// or it ends by itself. progress is told what happens until Event.Ready or the error that Run returns.
// log gets the server's messages and the supervisor's own.
func Run(ctx context.Context, o Options, log slog.Handler, progress func(Event)) error {
	p, err := NewPaths(o.Runtime, true)
	if err != nil {
		return err
	}
	lock, err := p.holdLock()
	if err != nil {
		return err
	}
	defer lock.Close()
	s := &supervisor{paths: p, log: slog.New(log), stop: make(chan struct{}), stopped: make(chan struct{})}
	if err := s.run(ctx, o, log, progress); err != nil {
		s.log.Error("the supervisor ends", "error", err)
		return err
	}
	return nil
}

// supervisor is one run.
type supervisor struct {
	paths   Paths
	log     *slog.Logger
	stop    chan struct{} // closed when someone asks for the end
	stopped chan struct{} // closed when the database has ended
	err     error         // how it ended, once stopped is closed

	mu struct {
		sync.Mutex
		state    State
		stopping bool
		holders  map[string]bool // of a transient database, by id
		leave    *time.Timer     // ends a transient one that nobody holds
	}
}

func (s *supervisor) run(ctx context.Context, o Options, log slog.Handler, progress func(Event)) error {
	short, err := s.paths.shortDir()
	if err != nil {
		return err
	}
	defer os.Remove(short) // fails while something is in it
	if o.Shared {
		// Containers mount it: it stays.
		if err := makeShared(socketDir(short)); err != nil {
			return err
		}
	} else {
		defer os.Remove(socketDir(short))
	}
	if o.Port == 0 {
		o.Port = 5432
	}
	s.mu.state = State{
		PID: os.Getpid(), Version: image.Version, Control: filepath.Join(short, "control.sock"), SocketDir: socketDir(short),
		Port: o.Port, User: orDefault(o.User, "postgres"), Database: orDefault(o.Database, "postgres"),
		Shared: o.Shared, Transient: o.Transient,
	}
	if err := s.enter(Starting); err != nil {
		return err
	}
	control, err := s.listen()
	if err != nil {
		return err
	}
	defer control.close()

	db, err := s.start(ctx, o, log, progress)
	if err != nil {
		s.forget()
		return err
	}
	if err := s.ready(db); err != nil {
		return errors.Join(err, db.Close())
	}
	defer s.noLeave()
	state := s.current()
	progress(Event{Ready: &state})

	ended := make(chan error, 1)
	go func() { ended <- db.Wait() }()
	select {
	case <-ctx.Done():
	case <-s.stop:
	case err := <-ended:
		s.fail(err)
		s.finish(err, db.Close())
		return err
	}
	s.log.Info("stopping")
	s.note(s.enter(Stopping))
	err = db.Close()
	<-ended
	s.forget()
	s.finish(err)
	return err
}

// start starts the database within ctx or until someone asks for the end.
func (s *supervisor) start(ctx context.Context, o Options, log slog.Handler, progress func(Event)) (*embeddedpg.Server, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	password, err := s.paths.keepPassword(o.Password)
	if err != nil {
		return nil, fmt.Errorf("keep the password: %w", err)
	}
	state := s.current()
	db, err := embeddedpg.Start(ctx, embeddedpg.Config{
		DataDir: s.paths.Data(), SocketDir: state.SocketDir, Port: state.Port,
		Superuser: state.User, Password: password, Database: state.Database,
		CacheDir: o.CacheDir, ServerModule: o.Module, Listen: o.Listen, SocketMode: socketMode(o.Shared), Settings: o.Settings, ArchiveDir: o.ArchiveDir, Log: log,
		ExtensionDirs: s.paths.Extensions(), CompileLater: !o.Transient,
		Progress: func(p embeddedpg.Progress) { progress(Event{Stage: p.Stage, Elapsed: p.Elapsed}) },
	})
	if err != nil {
		return nil, err
	}
	err = s.paths.link(filepath.Join(state.SocketDir, listen.SocketName(state.Port)))
	if err == nil {
		err = provide(ctx, db, state, password, func(text string) { progress(Event{Notice: text}) })
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// current returns a copy of the state.
func (s *supervisor) current() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.state
}

// ready enters the phase of that name.
func (s *supervisor) ready(db *embeddedpg.Server) error {
	s.mu.Lock()
	if a := db.Addr(); a != nil {
		s.mu.state.Listen = a.String()
	}
	if s.mu.state.Transient {
		s.mu.leave = time.AfterFunc(holdWait, s.askStop)
	}
	s.mu.Unlock()
	return s.enter(Ready)
}

// enter begins a phase and writes it down.
func (s *supervisor) enter(phase Phase) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.state.Phase, s.mu.state.Started = phase, time.Now()
	return s.paths.writeState(s.mu.state)
}

// fail writes down that the database ended by itself.
func (s *supervisor) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.state.Phase, s.mu.state.Failure = Crashed, err.Error()
	s.note(s.paths.writeState(s.mu.state))
}

// forget removes what says that the database is there.
func (s *supervisor) forget() {
	s.paths.unlink()
	if err := os.Remove(s.paths.state()); err != nil {
		s.note(err)
	}
}

// finish tells those who wait for the end.
func (s *supervisor) finish(errs ...error) {
	s.err = errors.Join(errs...)
	close(s.stopped)
}

func (s *supervisor) note(err error) {
	if err != nil {
		s.log.Warn("the state could not be kept", "error", err)
	}
}

// askStop asks for the end, once.
func (s *supervisor) askStop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mu.stopping {
		s.mu.stopping = true
		close(s.stop)
	}
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}
