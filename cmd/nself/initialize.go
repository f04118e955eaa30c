package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"
	config "nself.org/embeddedpg/internal/project"
)

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
