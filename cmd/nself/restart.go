package main

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

func newRestart(p *project) *cobra.Command {
	var start startOptions
	c := &cobra.Command{
		Use:   "restart [SERVICE]",
		Short: "Stop the backend or one service, and start it again",
		Long: `Stop what runs and start it again, with the configuration as it is now. With the name of a service,
that one alone: the embedded database is restarted under the containers, which find it again by
themselves.`,
		Example: "  nself restart\n  nself restart postgres\n  nself restart hasura",
		Args:    cobra.MaximumNArgs(1),

		ValidArgsFunction: p.completeServices,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return p.restartOne(cmd, args[0], start)
			}
			p.recall(cmd, &start)
			if p.Embedded && !p.built() {
				start.only = "postgres"
			}
			if start.only == "postgres" && p.Embedded && !cmd.Flag("listen").Changed {
				paths, err := p.paths()
				if err != nil {
					return err
				}
				was, err := supervisor.Find(cmd.Context(), paths)
				if err != nil {
					return err
				}
				start.listen = cmp.Or(was.Listen, start.listen) // as its clients know it
			}
			if err := start.complete(); err != nil {
				return err
			}
			if err := p.stop(cmd, stopOptions{only: start.only, timeout: supervisor.StopTime, grace: 30}); err != nil {
				return err
			}
			return p.start(cmd, start)
		},
	}
	start.flags(c)
	return c
}

// restartOne restarts one service.
func (p *project) restartOne(cmd *cobra.Command, service string, o startOptions) error {
	if err := p.checkService(service); err != nil {
		return err
	}
	if err := o.complete(); err != nil {
		return err
	}
	if service != "postgres" || !p.Embedded {
		b, err := p.docker(cmd.Context())
		if err != nil {
			return err
		}
		return b.compose(cmd.Context(), cmd.ErrOrStderr(), "restart", service)
	}
	so, err := p.options()
	if err != nil {
		return err
	}
	paths, err := p.paths()
	if err != nil {
		return err
	}
	was, err := supervisor.Find(cmd.Context(), paths)
	if err != nil {
		return err
	}
	so.Shared, so.Listen = was.Shared, was.Listen // as its clients know it
	if !p.built() {                               // else containers may reach it there, by the route that nself has chosen
		if err := checkListen(so.Listen, paths); err != nil {
			return err
		}
	}
	stdout, stderr := o.outputs(cmd)
	if err := stopDatabase(cmd.Context(), paths, supervisor.StopTime, stdout); err != nil {
		return err
	}
	_, state, err := startBackground(cmd.Context(), so, o.wait(), stdout, stderr, nil)
	if err == nil && so.Listen != "" {
		fmt.Fprintf(stdout, "  TCP       %s\n", state.Listen)
	}
	return err
}
