package embeddedpg

import (
	"context"
	"errors"
	"maps"
	"path/filepath"

	"nself.org/embeddedpg/internal/hostdir"
)

// Branch copies the running cluster as Snapshot does, and starts a server on the copy: from then on the two go different
// ways. Config.DataDir is where the copy is to be, a directory that is empty or does not exist; on the same file system,
// blocks can be shared. Without one the copy is temporary, and Close of the branch removes it.
//
// What config leaves zero of Superuser, Password, Database, Settings, Mounts, ExtensionDirs, Extensions, Outgoing, SessionMemory,
// TimeZoneDir, CacheDir and ServerModule is this server's; the rest is as in Start, and Config.CopyFrom is refused. A branch does not apply
// the subscriptions that it was born with, which would take their changes away from the original: its default of
// max_logical_replication_workers is 0. Its replication slots are gone.
//
// If copying fails, nothing is left of the copy; if starting does, what is in DataDir is whole and stays. For a branch of a
// stopped cluster there is Config.CopyFrom, and for one of a backup or of a moment RestoreBase.
func (s *Server) Branch(ctx context.Context, config Config) (*Server, error) {
	branch, err := s.branch(ctx, config)
	return branch, public(err)
}

func (s *Server) branch(ctx context.Context, config Config) (*Server, error) {
	if config.CopyFrom != "" {
		return nil, &Error{Op: "use Config.CopyFrom", Path: config.CopyFrom, Err: errors.New("a branch is a copy of its own server"), Hint: "leave it out, or call Start"}
	}
	config = s.cfg.inherited(config)
	if _, err := config.complete(); err != nil { // before anything is copied
		return nil, err
	}
	if config.DataDir != "" {
		if err := s.snapshot(ctx, config.DataDir, s.cfg.volatile()); err != nil {
			return nil, err
		}
		return Start(ctx, config)
	}
	dir, err := hostdir.MakeTemp("", tempPrefix)
	if err != nil {
		return nil, err
	}
	config.DataDir = filepath.Join(dir.Path(), "data")
	err = s.snapshot(ctx, config.DataDir, true)
	var branch *Server
	if err == nil {
		branch, err = Start(ctx, config)
	}
	if err != nil {
		return nil, errors.Join(err, dir.Remove())
	}
	branch.temp = append(branch.temp, dir)
	return branch, nil
}

// inherited returns a branch's Config, with what it leaves to the server that it is a copy of.
func (c Config) inherited(own Config) Config {
	fill(&own.Superuser, c.Superuser)
	fill(&own.Password, c.Password)
	fill(&own.Database, c.Database)
	fill(&own.Outgoing, c.Outgoing)
	fill(&own.SessionMemory, c.SessionMemory)
	fill(&own.TimeZoneDir, c.TimeZoneDir)
	fill(&own.CacheDir, c.CacheDir)
	fill(&own.ServerModule, c.ServerModule)
	if own.Mounts == nil {
		own.Mounts = c.Mounts
	}
	if own.ExtensionDirs == nil {
		own.ExtensionDirs = c.ExtensionDirs
	}
	if own.Extensions == nil {
		own.Extensions = c.Extensions
	}
	settings := own.Settings
	if settings == nil {
		settings = c.Settings
	}
	own.Settings = map[string]string{"max_logical_replication_workers": "0"}
	maps.Copy(own.Settings, settings)
	return own
}
