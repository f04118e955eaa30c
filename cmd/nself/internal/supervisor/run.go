package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/listen"
)

// Options describe a supervised database.
type Options struct {
	Runtime  string // the runtime directory
	Project  string // the project's directory, for people; "": none
	Name     string // the project's name, for people
	Branch   string // of the project's database, for people; "": the main database
	Port     int    // of the socket's name; 0: 5432
	User     string // the superuser; "": postgres
	Password string // the superuser's; "": the one kept, or a new random one
	Database string // is made if it does not exist; "": postgres
	CacheDir string // of compiled code; "": the default
	Module   string // path of a server module in place of the embedded one; "": none

	// Shared opens the socket to programs that see its directory from elsewhere, such as containers: the
	// directory has mode 0755 and the socket 0666, inside a parent that is this user's alone. The directory
	// stays after the end, because a mount of it would not follow to a new one.
	Shared bool

	Listen    string            // TCP address host:port besides the socket; "": none
	Settings  map[string]string // of the server; see embeddedpg.Config
	Transient bool              // end when nobody holds the database any more; see Hold

	ArchiveDir string // gets the finished segments of the write-ahead log; "": none

	SessionMemory int64  // bytes of private memory a session; 0: the default
	Outgoing      string // networks that the database may connect to; see embeddedpg.Config

	Metrics      string // TCP address host:port that Prometheus scrapes; "": none
	MetricsToken string // what it must send; "": nothing

	LocaleProvider, Locale string // of a new cluster; see embeddedpg.Config
}

// Run starts the database and keeps it until ctx ends, someone asks for the end over the control socket, or
// the runtime directory vanishes. A server that crashes is started again, within limits. progress is told what happens until Event.Ready or the error that Run returns.
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
	root, err := os.OpenRoot(p.Runtime)
	if err != nil {
		lock.Close()
		return err
	}
	defer root.Close()
	s := &supervisor{paths: p, root: root, locks: []*os.File{lock}, log: slog.New(log), stop: make(chan struct{}), hurry: make(chan time.Duration), stopped: make(chan struct{})}
	defer func() {
		for _, l := range s.locks {
			l.Close()
		}
	}()
	if err := s.run(ctx, o, log, progress); err != nil {
		s.log.Error("the supervisor ends", "error", err)
		return err
	}
	return nil
}

// supervisor is one run.
type supervisor struct {
	paths   Paths
	root    *os.Root   // the runtime directory, also where it has been moved
	locks   []*os.File // the one there, and those that were removed from it
	log     *slog.Logger
	stop    chan struct{}      // closed when someone asks for the end
	hurry   chan time.Duration // takes how long the server may take to end in order, while it is closed
	stopped chan struct{}      // closed when the database has ended
	err     error              // how it ended, once stopped is closed

	patience patience // with a server that crashes
	oom      oomCount // when the server was started last
	logSize  int64    // then

	mu struct {
		sync.Mutex
		state    State
		db       *embeddedpg.Server // that is ready, or was
		password string             // the superuser's
		restarts int                // of the server, by this supervisor
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
		PID: os.Getpid(), Version: image.Version, Control: filepath.Join(short, controlName), SocketDir: socketDir(short),
		Port: o.Port, User: orDefault(o.User, "postgres"), Database: orDefault(o.Database, "postgres"),
		Shared: o.Shared, Transient: o.Transient, Runtime: s.paths.Runtime, Project: o.Project, Name: o.Name, Branch: o.Branch,
		Archive: o.ArchiveDir,
	}
	s.mark()
	s.mu.state.OOMKills = s.oom.kills
	if lost, known := s.paths.readState(); known && lost.Phase != Crashed {
		s.note(s.paths.writeCrash(lostSupervisor(lost)))
		s.awaitServer(ctx, lost.ServerPID)
	}
	s.mu.state.LastCrash = s.paths.LastCrash()
	if err := s.enter(Starting); err != nil {
		return err
	}
	control, err := s.listen()
	if err != nil {
		return err
	}
	defer control.close()

	stopMetrics, err := s.serveMetrics(o)
	if err != nil {
		s.forget()
		return err
	}
	defer stopMetrics()

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

	done, gone := make(chan struct{}), make(chan error, 1)
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(done, gone, control) })
	defer watching.Wait()
	defer close(done)
	db, err = s.keep(ctx, db, o, log, gone)
	if err != nil {
		err = s.giveUp(db, err)
	} else {
		err = s.end(db)
	}
	s.finish(err)
	return err
}

// giveUp ends a run that cannot go on, and returns why. db is nil if no server runs.
func (s *supervisor) giveUp(db *embeddedpg.Server, err error) error {
	switch {
	case db != nil:
		err = errors.Join(err, s.close(db))
		s.forget()
	case s.displaced() != nil:
		s.forget()
	default:
		s.fail(err)
	}
	return err
}

// end ends a run whose end was asked for. db is nil if no server runs.
func (s *supervisor) end(db *embeddedpg.Server) error {
	s.log.Info("stopping")
	s.note(s.enter(Stopping))
	var err error
	if db != nil {
		err = s.close(db)
	}
	if e := s.displaced(); e != nil && err != nil {
		s.log.Error("the server could not end in order", "error", err, "reason", e)
		err = nil // it has ended, and there is nothing that could be put right
	}
	s.forget()
	return err
}

// displacedTime is how long a server may take to shut down whose directory was moved or removed.
const displacedTime = 10 * time.Second

// StopTime is how long a server may take to shut down in order: the default of Config.ShutdownTimeout, and pg_ctl's.
const StopTime = time.Minute

// close shuts the server down. It is killed where that takes longer than who asked for it gives it; the next start recovers
// then. Without its files it would try to write the last checkpoint again and again, so it gets less time.
func (s *supervisor) close(db *embeddedpg.Server) error {
	pid := s.current().ServerPID
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	within, killed := StopTime, false
	var late <-chan time.Time // nil: StopTime is the server's own limit
	if s.displaced() != nil {
		within = displacedTime
		late = time.After(within)
	}
	for {
		select {
		case err := <-closed:
			if killed && err != nil {
				return fmt.Errorf("it did not shut down within %s, and was killed", within)
			}
			return err
		case d := <-s.hurry:
			if d < within {
				within = d
				late = time.After(d)
			}
		case <-late:
			if pid > 0 {
				killed = true
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}

// keep has the server run until somebody asks for the end, and starts it again when it crashes. It returns the server, nil
// if none runs, and why it cannot go on, nil if the end was asked for.
func (s *supervisor) keep(ctx context.Context, db *embeddedpg.Server, o Options, log slog.Handler, gone <-chan error) (*embeddedpg.Server, error) {
	for db != nil {
		ended := make(chan error, 1)
		go func(db *embeddedpg.Server) { ended <- db.Wait() }(db)
		select {
		case <-ctx.Done():
			return db, nil
		case <-s.stop:
			return db, nil
		case err := <-gone:
			return db, err
		case err := <-ended:
			_ = db.Close() // says the same
			if errors.Is(err, embeddedpg.ErrShutDown) {
				s.log.Info("the server was shut down by another program, such as pg_ctl")
				return nil, nil
			}
			if db, err = s.revive(ctx, o, log, gone, err); err != nil {
				return db, err
			}
		}
	}
	return nil, nil
}

// awaitServer waits for the server of a supervisor that was killed: it ends as soon as it notices.
func (s *supervisor) awaitServer(ctx context.Context, pid int) {
	for pid > 0 && ctx.Err() == nil && syscall.Kill(pid, 0) == nil && s.paths.serverPID() == pid {
		select {
		case <-s.stop:
			return
		case <-time.After(poll):
		}
	}
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
	s.mu.Lock()
	s.mu.password = password
	s.mu.Unlock()
	state := s.current()
	db, err := embeddedpg.Start(ctx, embeddedpg.Config{
		DataDir: s.paths.Data(), SocketDir: state.SocketDir, Port: state.Port,
		Superuser: state.User, Password: password, Database: state.Database,
		CacheDir: o.CacheDir, ServerModule: o.Module, Listen: o.Listen, SocketMode: socketMode(o.Shared), Settings: o.Settings, ArchiveDir: o.ArchiveDir, SessionMemory: o.SessionMemory, Outgoing: o.Outgoing, Log: log,
		LocaleProvider: o.LocaleProvider, Locale: o.Locale,
		ChildProcess:  true, // so that its end, whatever the reason, is not this one's
		ExtensionDirs: s.paths.Extensions(),
		Progress:      func(p embeddedpg.Progress) { progress(Event{Stage: p.Stage, Elapsed: p.Elapsed}) },
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
	s.mu.db = db
	if a := db.Addr(); a != nil {
		s.mu.state.Listen = a.String()
	}
	s.mu.state.ServerPID = s.paths.serverPID()
	if archive := s.mu.state.Archive; archive != "" {
		s.mu.state.ArchiveID, _ = DirID(archive) // the server has just opened it
	}
	if s.mu.state.Transient && len(s.mu.holders) == 0 {
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
	for _, name := range s.paths.links() {
		if st, err := s.root.Lstat(filepath.Base(name)); err == nil && st.Mode().Type() == fs.ModeSymlink {
			s.note(s.root.Remove(filepath.Base(name)))
		}
	}
	if err := s.root.Remove(filepath.Base(s.paths.state())); err != nil && !errors.Is(err, fs.ErrNotExist) {
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
