package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/cmd/nself/internal/compose"
	config "nself.org/embeddedpg/cmd/nself/internal/project"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/fault"
)

// defaultRuntime is the runtime directory of a project, unless NSELF_RUNTIME_DIR names another.
const defaultRuntime = ".nself/embedded-pg"

// project is what every command knows: the configuration of the present directory's project.
type project struct {
	*config.Project
	chosen
}

// load reads the .env files and the environment; --embedded-pg wins over both.
func (p *project) load(cmd *cobra.Command) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	if cmd.Name() != initVerb { // which makes a project here
		dir = config.Find(dir)
	}
	loaded, err := config.Load(dir, os.Environ())
	if err != nil {
		return err
	}
	p.Project = loaded
	if f := cmd.Flag(embeddedFlag); f != nil && f.Changed {
		p.SetEmbedded(f.Value.String() == "true")
	} else if p.Get("NSELF_EMBEDDED_PG") == "" {
		p.SetEmbedded(p.hasEmbedded())
	}
	return p.choose(cmd)
}

// hasEmbedded reports whether the project has an embedded database already. It stays the project's until
// someone says otherwise: a start that took an empty one in Docker instead would look like a loss.
func (p *project) hasEmbedded() bool {
	_, err := os.Stat(filepath.Join(p.Runtime, "pgdata", "PG_VERSION"))
	return err == nil
}

// embeddedFlag is the flag that means the same as NSELF_EMBEDDED_PG=true.
const embeddedFlag = "embedded-pg"

// paths are the files of the runtime directory.
func (p *project) paths() (supervisor.Paths, error) {
	return supervisor.NewPaths(p.Runtime, false)
}

// outgoingVariable names the networks that the database may connect to.
const outgoingVariable = "NSELF_OUTGOING"

// options is what the project says of its embedded database.
func (p *project) options() (supervisor.Options, error) {
	d, err := p.Database()
	if err != nil {
		return supervisor.Options{}, err
	}
	if _, err := cluster.Outgoing(p.Get(outgoingVariable)); err != nil {
		return supervisor.Options{}, &fault.Error{Op: "use " + outgoingVariable, Err: err, Hint: "list networks such as 10.0.0.0/8, or use none"}
	}
	archive, err := p.archiveDir()
	if err != nil {
		return supervisor.Options{}, err
	}
	settings, name, branch := compose.Settings(d), p.Name, ""
	if p.isBranch() {
		name, branch = name+"@"+p.branch, p.branch
		settings["max_logical_replication_workers"] = "0" // its subscriptions are the original's
	}
	o := supervisor.Options{
		Runtime: p.Runtime, Project: p.Dir, Name: name, Branch: branch, Port: d.Port, User: d.User, Password: d.Password, Database: d.Name, Module: p.ServerModule,
		Settings: settings, ArchiveDir: archive, SessionMemory: d.SessionMemory, Outgoing: p.Get(outgoingVariable),
		LocaleProvider: d.LocaleProvider, Locale: d.Locale,
	}
	if p.beside() { // the address is the current one's
		return o, nil
	}
	return o, p.metrics(&o, p.Get(metricsVariable))
}
