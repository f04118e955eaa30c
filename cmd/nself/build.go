package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/cmd/nself/internal/compose"
	"nself.org/embeddedpg/cmd/nself/internal/docker"
)

func newBuild(p *project) *cobra.Command {
	c := &cobra.Command{
		Use:   "build",
		Short: "Write the files for Docker: compose file, Nginx's configuration, certificates",
		Long: `Check .env, and write docker-compose.yml, nginx/ and ssl/ from it, and the services' secrets to
.nself/env, which this user alone can read. Files that are right already stay as they are. nself
start does this by itself; put changes of your own into docker-compose.override.yml. No Docker
engine has to run: without one the files are written for the usual one of this system.`,
		Example: "  nself build\n  nself build --embedded-pg --json",
		Args:    cobra.NoArgs,
	}
	asJSON := jsonFlag(c)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		b, err := p.docker(cmd.Context())
		if docker.Unavailable(err) {
			b.engine = docker.Usual()
			fmt.Fprintf(cmd.ErrOrStderr(), "%s %s.\n  The files are written for %s; nself start writes them again for the engine that it finds.\n",
				paint(cmd.ErrOrStderr(), yellow, "No Docker engine was found:"), reason(err), b.engine.System)
		} else if err != nil {
			return err
		}
		if err := p.initialize(cmd); err != nil {
			return err
		}
		result, route, err := b.build()
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), buildReport{result, route})
		}
		for _, name := range result.Changed {
			fmt.Fprintln(cmd.OutOrStdout(), "wrote", name)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s written, %d right already.\n", plural(len(result.Changed), "file"), len(result.Kept))
		fmt.Fprintf(cmd.OutOrStdout(), "Route to the database: %s: %s.\n", route.Kind, route.Why)
		return nil
	}
	return c
}

// build writes the files. It says by which route the containers reach the database.
func (b backend) build() (compose.Result, docker.Route, error) {
	route, err := b.route()
	if err != nil {
		return compose.Result{}, route, err
	}
	paths, err := b.p.paths()
	if err != nil {
		return compose.Result{}, route, err
	}
	o := compose.Options{Route: route, Rootless: b.engine.Rootless, UID: os.Geteuid(), GID: os.Getegid()}
	if route.Kind == docker.Socket {
		if o.SocketDir, err = paths.SocketDir(); err != nil {
			return compose.Result{}, route, err
		}
	}
	result, err := compose.Build(b.p.Project, o)
	return result, route, err
}

// route is the containers' way to the database.
func (b backend) route() (docker.Route, error) {
	if !b.p.Embedded {
		return docker.Route{Kind: docker.Inside, Why: "the database is in Docker too"}, nil
	}
	d, err := b.p.Database()
	if err != nil {
		return docker.Route{}, err
	}
	return b.engine.Route(docker.RouteOptions{
		Wanted: b.p.Get("NSELF_DB_ROUTE"), Listen: b.p.Get("NSELF_DB_LISTEN"), Host: b.p.Get("NSELF_DB_HOST"), Port: d.Port,
	})
}

// buildReport is what build --json prints.
type buildReport struct {
	compose.Result
	Route docker.Route `json:"route"`
}
