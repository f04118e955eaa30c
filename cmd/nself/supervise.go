package main

import (
	"github.com/spf13/cobra"

	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// superviseVerb is what nself start runs in the background.
const superviseVerb = "supervise"

func newSupervise() *cobra.Command {
	return &cobra.Command{
		Use:               superviseVerb,
		Hidden:            true,
		Args:              cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil }, // what it needs comes from nself start
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := supervisor.Serve(cmd.Context()); err != nil {
				return exitCode(1) // told by the event and in the log
			}
			return nil
		},
	}
}
