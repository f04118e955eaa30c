package main

import (
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/cmd/nself/internal/compose"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

func newURLs(p *project) *cobra.Command {
	var conflicts, secret bool
	c := &cobra.Command{
		Use:   "urls",
		Short: "Print the addresses of the services",
		Long: `Print the addresses at which programs of this machine reach the services. No secret is among them,
unless --with-password asks for the database's whole URL; nself run gives it to a command without
showing it.`,
		Example: `  nself urls
  nself urls --with-password --json`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(c)
	c.Flags().BoolVar(&conflicts, "check-conflicts", false, "fail if other programs have the ports of services that do not run")
	c.Flags().BoolVar(&secret, "with-password", false, "print the database's URL with its password: for this user's eyes alone")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		state, err := p.embeddedState(cmd)
		if err != nil {
			return err
		}
		if conflicts {
			return p.checkConflicts(cmd)
		}
		list, err := p.urls(state), error(nil)
		if secret {
			list, err = p.withPassword(list)
		}
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), list)
		}
		printURLs(cmd.OutOrStdout(), list)
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
			list = append(list, compose.URL{Service: "postgres", URL: tcpDatabase(*s, "").server().URL()})
		}
	}
	if p.built() {
		list = append(list, compose.URLs(p.Project)...)
	}
	return list
}

// withPassword puts the password into the database's URLs.
func (p *project) withPassword(list []compose.URL) ([]compose.URL, error) {
	paths, err := p.paths()
	if err != nil {
		return nil, err
	}
	password, err := paths.Password()
	if !p.Embedded && p.built() {
		password = p.Get("POSTGRES_PASSWORD")
	}
	if err != nil {
		return nil, err
	}
	for i, one := range list {
		if u, err := url.Parse(one.URL); err == nil && u.User != nil {
			u.User = url.UserPassword(u.User.Username(), password)
			list[i].URL = u.String()
		}
	}
	return list, nil
}

func printURLs(w io.Writer, list []compose.URL) {
	for _, u := range list {
		note := ""
		if u.Note != "" {
			note = "  (" + u.Note + ")"
		}
		fmt.Fprintf(w, "  %-9s %s%s\n", u.Service, u.URL, note)
	}
	if len(list) == 0 {
		fmt.Fprintln(w, "Nothing is running here. The database alone: nself start --embedded-pg --only postgres; with Docker all of it: nself start --embedded-pg")
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
	fmt.Fprintln(cmd.OutOrStdout(), "No other program uses these ports.")
	return nil
}
