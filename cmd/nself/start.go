package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/engine"
	"nself.org/embeddedpg/internal/supervisor"
)

// startOptions are the flags of start.
type startOptions struct {
	only       string
	foreground bool
	listen     string
	timeout    int // seconds
	quick      bool
	quiet      bool
	skipInit   bool
}

// Limits of --timeout, in seconds.
const (
	defaultTimeout = 120
	quickTimeout   = 30
	maxTimeout     = 600
)

func newStart(p *project) *cobra.Command {
	var o startOptions
	c := &cobra.Command{
		Use:     "start",
		Aliases: []string{"up"},
		Short:   "Start the backend, or its database alone",
		Long: `Start the database and return when it answers a query. It goes on in the background until nself stop.
If it runs already, nothing happens. The first start on a machine compiles PostgreSQL, which takes some
seconds, and the first one in a project makes the database. Without a .env one is written, with defaults
and new secrets.

From .env or the environment: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_PORT,
NSELF_RUNTIME_DIR, and PGLITE_WASM_PATH for a postgres.wasm in place of the one built in.

Clients use the Unix socket; --listen opens a TCP port besides, for those that cannot.`,
		Example: `  nself start --embedded-pg --only postgres
  nself start --embedded-pg --only postgres --listen 127.0.0.1:5432`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.start(cmd, o) },
	}
	f := c.Flags()
	f.StringVar(&o.only, "only", "", "start this service alone: postgres")
	f.BoolVar(&o.foreground, "foreground", false, "stay in the foreground, with the log on standard error")
	f.StringVar(&o.listen, "listen", "", "a TCP address for clients of this machine, such as 127.0.0.1:5432 (default: none)")
	f.IntVar(&o.timeout, "timeout", defaultTimeout, "seconds to wait until it answers, at most 600")
	f.BoolVar(&o.quick, "quick", false, "wait 30 seconds at most")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print errors only")
	f.BoolVar(&o.skipInit, "skip-db-init", false, "do not make schemas and extensions")
	return c
}

// start is the command. What would keep it from succeeding is looked for before anything is changed.
func (p *project) start(cmd *cobra.Command, o startOptions) error {
	if err := o.complete(); err != nil {
		return err
	}
	if err := checkScope(p.Embedded, o.only); err != nil {
		return err
	}
	if p.Engine != "" {
		if _, err := engine.ReadServerModule(p.Engine); err != nil {
			return err
		}
	}
	if err := p.initialize(cmd); err != nil {
		return err
	}
	so, err := p.options()
	if err != nil {
		return err
	}
	so.Listen = o.listen
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	if o.quiet {
		stdout, stderr = io.Discard, io.Discard
	}
	if o.foreground {
		return startForeground(cmd.Context(), so, stdout, cmd.ErrOrStderr())
	}
	paths, state, err := startBackground(cmd.Context(), so, time.Duration(o.timeout)*time.Second, stdout, stderr)
	if err == nil {
		describe(stdout, paths, state)
	}
	return err
}

// complete checks the flags and fills in what follows from them.
func (o *startOptions) complete() error {
	if o.quick {
		o.timeout = min(o.timeout, quickTimeout)
	}
	if o.timeout < 1 || o.timeout > maxTimeout {
		return &embeddedpg.Error{Op: "use --timeout", Err: fmt.Errorf("%d is not a number of seconds from 1 to %d", o.timeout, maxTimeout), Hint: fmt.Sprintf("leave it out for %d", defaultTimeout)}
	}
	if o.listen != "" {
		return checkListen(o.listen)
	}
	return nil
}

// checkScope says what is not there yet, before anything is touched.
func checkScope(embedded bool, only string) error {
	switch {
	case only != "" && only != "postgres":
		return &embeddedpg.Error{Op: "start", Path: only, Err: errors.New("there is no such service"), Hint: "the one that can be started alone is postgres: nself start --embedded-pg --only postgres"}
	case !embedded:
		return &embeddedpg.Error{Op: "start", Err: errors.New("a database in Docker is not supported yet"), Hint: "run the embedded one: nself start --embedded-pg --only postgres"}
	case only == "":
		return &embeddedpg.Error{Op: "start", Err: errors.New("the whole stack (Hasura, Auth, Nginx) is not supported yet"), Hint: "start the database alone: nself start --embedded-pg --only postgres"}
	}
	return nil
}

// startBackground leaves a supervisor running and returns its state. If one runs already that is all.
func startBackground(ctx context.Context, o supervisor.Options, timeout time.Duration, stdout, stderr io.Writer) (supervisor.Paths, supervisor.State, error) {
	begin := time.Now()
	paths, err := supervisor.NewPaths(o.Runtime, true)
	if err != nil {
		return paths, supervisor.State{}, err
	}
	found, err := supervisor.Find(ctx, paths)
	if err != nil {
		return paths, found, err
	}
	switch found.Phase {
	case supervisor.Ready:
		if found.Transient {
			err = supervisor.Keep(ctx, found)
		}
		if !errors.Is(err, supervisor.ErrStopping) { // else it ends just now, with the nself run that began it
			fmt.Fprintln(stdout, "PostgreSQL runs already.")
			return paths, found, err
		}
	case supervisor.Crashed:
		fmt.Fprintln(stderr, "The last run did not end in order; nothing committed is lost. Starting again.")
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	o.Runtime = paths.Runtime
	state, err := ensure(limited, paths, o, newProgress(stderr))
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = &embeddedpg.Error{
			Op: "start the database of", Path: paths.Runtime, Err: fmt.Errorf("it was not ready after %s, and was stopped again", timeout),
			Hint: "its log is " + paths.Log() + "; recovery after a crash may take longer: nself start --timeout 600",
		}
	}
	if err != nil {
		return paths, state, err
	}
	fmt.Fprintf(stdout, "PostgreSQL %s is ready (%s).\n", state.Version, time.Since(begin).Round(time.Millisecond))
	return paths, state, nil
}

// startForeground is the supervisor in this process, until it is interrupted.
func startForeground(ctx context.Context, o supervisor.Options, stdout, stderr io.Writer) error {
	paths, err := supervisor.NewPaths(o.Runtime, true)
	if err != nil {
		return err
	}
	progress := newProgress(stderr)
	err = supervisor.Run(ctx, o, slog.NewTextHandler(stderr, nil), func(e supervisor.Event) {
		progress.show(e)
		if e.Ready != nil {
			progress.end()
			fmt.Fprintf(stdout, "PostgreSQL %s is ready. Interrupt to stop it.\n", e.Ready.Version)
			describe(stdout, paths, *e.Ready)
			notifyReady()
		}
	})
	progress.end()
	if errors.Is(err, supervisor.ErrRunning) {
		fmt.Fprintln(stdout, "PostgreSQL runs already.")
		return nil
	}
	return err
}

// describe says how to connect. It shows no password.
func describe(w io.Writer, paths supervisor.Paths, s supervisor.State) {
	fmt.Fprintf(w, "  socket    %s\n", paths.Socket())
	fmt.Fprintf(w, "  URL       %s\n", shownURL(s))
	if s.Listen != "" {
		fmt.Fprintf(w, "  TCP       %s\n", s.Listen)
	}
	fmt.Fprintf(w, "  query     nself psql\n")
	fmt.Fprintf(w, "  log       %s\n", paths.Log())
}
