package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	config "nself.org/embeddedpg/cmd/nself/internal/project"
)

// initVerb is the command that begins a project where it is called.
const initVerb = "init"

func newInit(p *project) *cobra.Command {
	var o config.InitOptions
	var quiet bool
	c := &cobra.Command{
		Use:   initVerb,
		Short: "Write a .env with defaults and new secrets",
		Long: `Write .env, the project's configuration, with a name derived from the directory's, and random
secrets. It asks nothing. An existing .env is never changed.`,
		Example: "  nself init\n  nself init --embedded-pg --name shop",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Embedded = p.Embedded
			path, err := config.Init(p.Dir, o)
			if err != nil {
				return err
			}
			if !quiet {
				fmt.Fprintf(cmd.OutOrStdout(), "Wrote %s with new secrets: keep it out of version control.\n%s", path, nextSteps)
			}
			return nil
		},
	}
	c.Flags().StringVar(&o.Name, "name", "", "the project's name (default: the directory's)")
	c.Flags().StringVar(&o.Domain, "domain", "", "BASE_DOMAIN (default local.nself.org)")
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print errors only")
	return c
}

// nextSteps are true with Docker and without it.
const nextSteps = `Next, the database alone, without Docker:
  nself start --embedded-pg --only postgres
or with Hasura, Auth and Nginx in Docker:
  nself start --embedded-pg
`

// initialize writes a .env with defaults if there is none, says so, and reads it.
func (p *project) initialize(cmd *cobra.Command) error {
	if p.Initialized() {
		return nil
	}
	path, err := config.Init(p.Dir, config.InitOptions{Embedded: p.Embedded})
	if errors.Is(err, fs.ErrExist) { // another nself was first
		return p.load(cmd)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "There was no .env: wrote %s with defaults and new secrets. Keep it out of version control.\n", path)
	return p.load(cmd)
}
