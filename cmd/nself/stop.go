package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/supervisor"
)

func newStop(p *project) *cobra.Command {
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "stop",
		Short: "Stop the database",
		Long: `Stop the database: connections are ended, a checkpoint is written, and the command returns when the
background process is gone. If none runs, nothing happens.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			paths, err := p.paths()
			if err != nil {
				return err
			}
			begin := time.Now()
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			ran, err := supervisor.Stop(ctx, paths)
			if errors.Is(err, context.DeadlineExceeded) {
				return &embeddedpg.Error{Op: "stop the database of", Path: paths.Runtime, Err: fmt.Errorf("it has not ended within %s", timeout), Hint: "it goes on ending; look with nself status, and into " + paths.Log()}
			}
			if err != nil {
				return err
			}
			if !ran {
				fmt.Fprintln(cmd.OutOrStdout(), "PostgreSQL does not run.")
				return nil
			}
			fmt.Fprintf(cmd.OutOrStdout(), "PostgreSQL has stopped (%s).\n", time.Since(begin).Round(time.Millisecond))
			return nil
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", 90*time.Second, "how long to wait")
	return c
}
