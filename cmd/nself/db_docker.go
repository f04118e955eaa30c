package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/compose"
	"nself.org/embeddedpg/cmd/nself/internal/docker"
)

// inDocker starts the project's database in Docker, unless it runs, and returns it with what stops it again.
func (p *project) inDocker(cmd *cobra.Command) (database, func(), error) {
	engine, err := docker.Find(cmd.Context())
	if err != nil {
		return database{}, nil, err
	}
	if err := compose.BuildDatabase(p.Project); err != nil {
		return database{}, nil, err
	}
	run := func(ctx context.Context, args ...string) (string, error) {
		argv := compose.DatabaseCommand(engine, p.Project, args...)
		c := exec.CommandContext(ctx, argv[0], argv[1:]...)
		c.Dir, c.Env, c.Stderr = p.Dir, append(c.Environ(), "COMPOSE_IGNORE_ORPHANS=true"), cmd.ErrOrStderr()
		out, err := c.Output()
		if err != nil {
			err = &embeddedpg.Error{Op: "run docker compose", Path: args[0], Err: err, Hint: "its message is above"}
		}
		return string(out), err
	}
	running, err := run(cmd.Context(), "ps", "--quiet", "--status", "running", "postgres")
	if err != nil {
		return database{}, nil, err
	}
	done := func() {}
	if strings.TrimSpace(running) == "" {
		done = func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), 2*time.Minute)
			defer cancel()
			if _, err := run(ctx, "stop", "postgres"); err != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), "nself:", err)
			}
		}
		if _, err := run(cmd.Context(), "up", "--detach", "--wait", "postgres"); err != nil {
			done()
			return database{}, nil, err
		}
	}
	d, err := p.Database()
	return database{host: "127.0.0.1", port: d.Port, user: d.User, password: d.Password, name: d.Name}, done, err
}
