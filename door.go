package embeddedpg

import (
	"context"
	"errors"

	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/listen"
)

// door opens a socket for PostgreSQL's client programs that lets them in without a password, as Dial does. It is in a
// directory that only this user can enter.
func (s *Server) door(ctx context.Context) (backup.Target, func(), error) {
	fail := func(err error) (backup.Target, func(), error) { return backup.Target{}, nil, err }
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	s.mu.Lock()
	closing := s.mu.closing
	s.mu.Unlock()
	if closing {
		return fail(ErrClosed)
	}
	dir, err := tempSocketDir(defaultPort)
	if err != nil {
		return fail(err)
	}
	f, err := listen.Open(listen.Config{SocketDir: dir.Path(), SocketMode: 0o600, Port: defaultPort})
	if err != nil {
		return fail(errors.Join(err, dir.Remove()))
	}
	f.Serve(func(c kernel.Conn) error {
		c.Peer = kernel.InProcess()
		return s.push(c)
	})
	t := backup.Target{Host: dir.Path(), Port: defaultPort, User: s.cfg.Superuser, CacheDir: s.cfg.CacheDir}
	return t, func() { f.Close(); dir.Remove() }, nil
}

// scratch returns the function that starts servers for package backup.
func scratch(cacheDir string) backup.Scratch {
	return func(ctx context.Context, dir string, settings map[string]string) (backup.Target, func() error, error) {
		s, err := Start(ctx, Config{DataDir: dir, Settings: settings, CacheDir: cacheDir})
		if err != nil {
			return backup.Target{}, nil, err
		}
		t, closeDoor, err := s.door(ctx)
		if err != nil {
			s.Close()
			return t, nil, err
		}
		return t, func() error { closeDoor(); return s.Close() }, nil
	}
}
