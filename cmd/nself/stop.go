package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/docker"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// stopMargin is what the end of the embedded database may take beside its shutdown: being killed, and letting its files go.
const stopMargin = 30 * time.Second

// stopOptions are the flags of stop.
type stopOptions struct {
	only    string
	timeout time.Duration // for the embedded database
	grace   int           // seconds, for each container
	volumes bool
	images  bool
	yes     bool
}

func newStop(p *project) *cobra.Command {
	var o stopOptions
	c := &cobra.Command{
		Use:     "stop [NAME]",
		Aliases: []string{"down"},
		Short:   "Stop the backend",
		Long: `Stop the containers and remove them, and stop the embedded database: connections are ended, a
checkpoint is written, and the command returns when the background process is gone. It is not an
error if nothing is running. Data stays.

A database that has not shut down after --timeout, or one whose process does not answer at all for
ten seconds, is killed, and the command says so: nothing committed is lost, and the next start
recovers it. --timeout 0 kills it at once, as pg_ctl stop -m immediate does.

With the name or the directory of another project, as nself list shows it, that one is stopped.`,
		Example: "  nself stop\n  nself stop --only postgres\n  nself stop shop",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return stopNamed(cmd, args[0], o)
			}
			return p.stop(cmd, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.only, "only", "", "stop this service alone")
	f.DurationVar(&o.timeout, "timeout", supervisor.StopTime, "how long the embedded database may take to shut down, at most 1m")
	f.IntVar(&o.grace, "graceful", 30, "seconds that a container has to end")
	f.BoolVarP(&o.volumes, "volumes", "v", false, "remove the containers' volumes: the data of a database in Docker is lost")
	f.BoolVar(&o.images, "rmi", false, "remove the images")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask about --volumes")
	complete(c, "only", p.completeServices)
	return c
}

func (p *project) stop(cmd *cobra.Command, o stopOptions) error {
	if o.only != "" {
		if err := p.checkService(o.only); err != nil {
			return err
		}
	}
	if o.volumes && !p.Embedded {
		if err := confirm(cmd, o.yes, "all data of the database in Docker will be lost"); err != nil {
			return err
		}
	}
	ownDatabase := (p.Embedded || !p.built()) && (o.only == "" || o.only == "postgres")
	if p.built() && !p.beside() && !(p.Embedded && o.only == "postgres") {
		err := p.stopContainers(cmd, o)
		if ownDatabase && dockerAway(err) { // no container can run, and the database can be stopped all the same
			fmt.Fprintln(cmd.ErrOrStderr(), "The containers were not checked:", err)
			err = nil
		}
		if err != nil {
			return err
		}
	}
	if !ownDatabase {
		return nil
	}
	paths, err := p.paths()
	if err != nil {
		return err
	}
	if err := stopDatabase(cmd.Context(), paths, o.timeout, cmd.OutOrStdout()); err != nil {
		return err
	}
	if o.only == "" {
		paths.ForgetSocketDir() // no container has it mounted any more
	}
	return p.stopBefore(cmd, o)
}

// stopBefore stops the database that ran before Git's branch was changed: it is the project's too.
func (p *project) stopBefore(cmd *cobra.Command, o stopOptions) error {
	if p.head.Git == "" || p.beside() || p.head.Current == p.branch {
		return nil
	}
	if runs, err := p.branchRuns(cmd.Context(), p.head.Current); err != nil || !runs {
		return err
	}
	paths, err := p.at(p.head.Current).paths()
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Of %s: ", nameOf(p.head.Current))
	return stopDatabase(cmd.Context(), paths, o.timeout, cmd.OutOrStdout())
}

func dockerAway(err error) bool {
	return errors.Is(err, docker.ErrNoCommand) || errors.Is(err, docker.ErrDown)
}

// stopContainers removes all containers, or stops one.
func (p *project) stopContainers(cmd *cobra.Command, o stopOptions) error {
	b, err := p.docker(cmd.Context())
	if err != nil {
		return err
	}
	args := []string{"down", "--remove-orphans", "--timeout", strconv.Itoa(o.grace)}
	if o.volumes {
		args = append(args, "--volumes")
	}
	if o.images {
		args = append(args, "--rmi", "all")
	}
	if o.only != "" {
		args = []string{"stop", "--timeout", strconv.Itoa(o.grace), o.only}
	}
	return b.compose(cmd.Context(), cmd.ErrOrStderr(), args...)
}

// stopDatabase stops the embedded database, if it runs, and says so.
func stopDatabase(ctx context.Context, paths supervisor.Paths, timeout time.Duration, w io.Writer) error {
	begin := time.Now()
	timeout = min(timeout, supervisor.StopTime)
	ctx, cancel := context.WithTimeout(ctx, timeout+stopMargin)
	defer cancel()
	ran, err := supervisor.Stop(ctx, paths, timeout)
	if errors.Is(err, context.DeadlineExceeded) {
		return &embeddedpg.Error{
			Op: "stop the database of", Path: paths.Runtime, Err: fmt.Errorf("it has not ended after %s", timeout+stopMargin),
			Hint: "it is still stopping: see nself status, and " + paths.Log(),
		}
	}
	if unclean(err) {
		fmt.Fprintf(w, "PostgreSQL has stopped, but %s. The next start recovers it, and nothing committed is lost.\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	if !ran {
		fmt.Fprintln(w, "PostgreSQL is not running.")
		return nil
	}
	fmt.Fprintf(w, "PostgreSQL has stopped (%s).\n", time.Since(begin).Round(time.Millisecond))
	return nil
}

// unclean reports whether a database has ended, and had to be killed for that: no reason not to start it again.
func unclean(err error) bool {
	var e *supervisor.UncleanError
	return errors.As(err, &e)
}
