package embeddedpg

import (
	"context"
	"net"
	"path/filepath"
	"time"

	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/listen"
	"nself.org/embeddedpg/internal/programs"
)

// Start starts a server and returns when it accepts connections. It makes a new cluster where there is
// none yet. If ctx ends before, Start stops what it began and returns ctx's error; once it has returned,
// ctx has no effect. What a person can put right comes as an *Error.
//
// Where wasmtime runs the server (Server.Engine), the first Start on a machine compiles it, which takes some
// seconds; see Config.Progress.
func Start(ctx context.Context, config Config) (*Server, error) {
	cfg, err := config.complete()
	if err != nil {
		return nil, public(err)
	}
	s := &Server{cfg: cfg}
	if err := s.start(ctx); err != nil {
		s.Close()
		return nil, public(err)
	}
	return s, nil
}

// start does the cheap checks first, so that a wrong address or directory is told before anything is
// compiled or created.
func (s *Server) start(ctx context.Context) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.cfg.ChildProcess {
		if s.child, err = startChild(ctx, s.cfg); err == nil {
			s.cfg.SocketDir, s.cfg.Password = s.child.ready.SocketDir, s.child.ready.Password
		}
		return err
	}
	var override *programs.ServerModule
	if s.cfg.ServerModule != "" {
		if override, err = programs.ReadServerModule(s.cfg.ServerModule); err != nil {
			return err
		}
	}
	temporary := s.cfg.DataDir == ""
	if err := s.makeTemp(); err != nil {
		return err
	}
	if s.cluster, err = cluster.Open(s.cfg.DataDir); err != nil {
		return err
	}
	s.listeners, err = listen.Open(listen.Config{
		SocketDir: s.cfg.SocketDir, SocketMode: s.cfg.SocketMode, Port: s.cfg.Port, TCP: s.cfg.Listen,
	})
	if err != nil {
		return err
	}
	empty := s.cluster.Empty()
	create := s.createOptions(temporary || s.cfg.volatile())
	s.programs, err = programs.Load(ctx, programs.Options{
		CacheDir:      s.cfg.CacheDir,
		Server:        true,
		Override:      override,
		Initdb:        empty && s.cfg.CopyFrom == "" && !create.CanSeed(),
		Log:           s.cfg.Log,
		ExtensionDirs: s.cfg.ExtensionDirs,
		Extensions:    s.cfg.Extensions,
		Compile:       func(d time.Duration) { s.cfg.Progress(Progress{StageCompile, d}) },
	})
	if err != nil {
		return err
	}
	guest := cluster.Programs{Program: s.programs.Program, Image: s.programs.Image()}
	if empty {
		if err := s.makeCluster(ctx, guest, create); err != nil {
			return err
		}
	}
	return s.run(ctx, guest)
}

// createOptions describe the cluster that makeCluster makes, if it is not a copy.
func (s *Server) createOptions(volatile bool) cluster.CreateOptions {
	o := cluster.CreateOptions{
		Superuser: s.cfg.Superuser, Password: s.cfg.Password, Database: s.cfg.Database,
		Volatile: volatile, Log: s.cfg.Log, Provider: s.cfg.LocaleProvider, Locale: s.cfg.Locale,
	}
	if s.cfg.ServerModule == "" { // of another one the catalog may be another
		o.Seed = image.Cluster()
	}
	return o
}

// makeCluster makes the cluster, from nothing or as a copy.
func (s *Server) makeCluster(ctx context.Context, guest cluster.Programs, o cluster.CreateOptions) error {
	s.cfg.Progress(Progress{Stage: StageCreate})
	if s.cfg.CopyFrom != "" {
		return s.cluster.CopyFrom(ctx, s.cfg.CopyFrom, o.Volatile)
	}
	if s.cfg.Password == "" {
		s.cfg.Password = newPassword()
	}
	o.Password = s.cfg.Password
	return s.cluster.Create(ctx, guest, o)
}

// run starts the postmaster, and lets clients in.
func (s *Server) run(ctx context.Context, guest cluster.Programs) (err error) {
	s.cfg.Progress(Progress{Stage: StageStart})
	run := cluster.RunOptions{
		Port: s.cfg.Port, SocketDir: s.cfg.SocketDir, SocketMode: s.cfg.SocketMode, Settings: s.cfg.Settings, Log: s.cfg.Log,
		ExtensionDirs: s.cfg.ExtensionDirs, Extensions: s.cfg.Extensions, TimeZones: s.cfg.TimeZoneDir, SessionMemory: uint64(s.cfg.SessionMemory),
	}
	if run.Outgoing, err = cluster.Outgoing(s.cfg.Outgoing); err != nil {
		return err
	}
	if addr, ok := s.listeners.Addr().(*net.TCPAddr); ok {
		run.TCP = addr.AddrPort()
	}
	for _, m := range s.cfg.Mounts {
		run.Mounts = append(run.Mounts, cluster.Mount(m))
	}
	if s.cfg.ArchiveDir != "" {
		if err := archive(&run, s.cfg.ArchiveDir); err != nil {
			return err
		}
	}
	if s.pm, err = s.cluster.Run(ctx, guest, run); err != nil {
		return err
	}
	s.listeners.Serve(s.pm.Push)
	s.watch.Go(func() {
		<-s.pm.Done()
		s.listeners.Close() // a server that ended by itself: clients are refused and do not hang
	})
	return nil
}

// tempPrefix begins the names of temporary directories. Those of programs that were killed are removed when the next
// one is made.
const tempPrefix = "embeddedpg-"

// makeTemp makes the temporary directories that the Config leaves to us.
func (s *Server) makeTemp() error {
	if s.cfg.DataDir == "" {
		dir, err := hostdir.MakeTemp("", tempPrefix)
		if err != nil {
			return err
		}
		s.temp = append(s.temp, dir)
		s.cfg.DataDir = filepath.Join(dir.Path(), "data")
	}
	if s.cfg.SocketDir == "" {
		dir, err := tempSocketDir(s.cfg.Port)
		if err != nil {
			return err
		}
		s.temp = append(s.temp, dir)
		s.cfg.SocketDir = dir.Path()
	}
	dir, err := filepath.Abs(s.cfg.SocketDir)
	s.cfg.SocketDir = dir
	return err
}

// tempSocketDir makes a temporary directory whose name is short enough for a socket in it.
func tempSocketDir(port int) (*hostdir.Temp, error) {
	dir, err := hostdir.MakeTemp("", tempPrefix)
	if err == nil && listen.CheckSocketDir(dir.Path(), port) != nil {
		err = dir.Remove() // TMPDIR is too long a name for a socket
		if err == nil {
			dir, err = hostdir.MakeTemp("/tmp", tempPrefix)
		}
	}
	return dir, err
}
