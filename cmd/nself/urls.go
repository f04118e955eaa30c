package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"nself.org/embeddedpg/cmd/nself/internal/compose"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

func newURLs(p *project) *cobra.Command {
	var conflicts bool
	c := &cobra.Command{
		Use:   "urls",
		Short: "Print the addresses of the services",
		Long: `Print the addresses at which programs of this machine reach the services. No secret is among them: nself run
gives a command the database's whole URL.`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(c)
	c.Flags().BoolVar(&conflicts, "check-conflicts", false, "fail if other programs have the ports of services that do not run")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		state, err := p.embeddedState(cmd)
		if err != nil {
			return err
		}
		if conflicts {
			return p.checkConflicts(cmd)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), p.urls(state))
		}
		p.printURLs(cmd.OutOrStdout(), state)
		return nil
	}
	return c
}

// embeddedState is the state of the embedded database; nil if there is none, or it does not run.
func (p *project) embeddedState(cmd *cobra.Command) (*supervisor.State, error) {
	paths, err := p.paths()
	if err != nil {
		return nil, err
	}
	s, err := supervisor.Find(cmd.Context(), paths)
	if err != nil || s.Phase != supervisor.Ready {
		return nil, err
	}
	return &s, nil
}

// urls are the addresses of the project's services; s is the embedded database's, nil if it does not run.
func (p *project) urls(s *supervisor.State) []compose.URL {
	list := []compose.URL{}
	if s != nil {
		list = append(list, compose.URL{Service: "postgres", URL: shownURL(*s), Note: "this user alone"})
		if s.Listen != "" {
			list = append(list, compose.URL{Service: "postgres", URL: "postgresql://" + s.User + "@" + s.Listen + "/" + s.Database + "?sslmode=disable"})
		}
	}
	if p.built() {
		list = append(list, compose.URLs(p.Project)...)
	}
	return list
}

func (p *project) printURLs(w io.Writer, s *supervisor.State) {
	list := p.urls(s)
	for _, u := range list {
		note := ""
		if u.Note != "" {
			note = "  (" + u.Note + ")"
		}
		fmt.Fprintf(w, "  %-9s %s%s\n", u.Service, u.URL, note)
	}
	if len(list) == 0 {
		fmt.Fprintln(w, "Nothing runs here. The database alone: nself start --embedded-pg --only postgres; with Docker all of it: nself start --embedded-pg")
	}
}

// checkConflicts is --check-conflicts.
func (p *project) checkConflicts(cmd *cobra.Command) error {
	running := map[string]container{}
	if p.built() {
		b, err := p.docker(cmd.Context())
		if err != nil {
			return err
		}
		if running, err = b.containers(cmd.Context()); err != nil {
			return err
		}
	}
	if err := p.checkPorts(running); err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), "No port is taken by another program.")
	return nil
}
