package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/programs"
)

// startOptions are the flags of start.
type startOptions struct {
	only       string
	foreground bool
	listen     string
	metrics    string
	timeout    int // seconds
	quick      bool
	quiet      bool
	fresh      bool
	skipBuild  bool
	skipInit   bool
	skipHealth bool
	skipPorts  bool
	yes        bool
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
		Long: `Start the database, and then Hasura, Auth and Nginx in Docker, and return when all are healthy. They
run in the background until nself stop. What is already running is left alone. If there is no .env,
one is written with defaults and new secrets.

With --embedded-pg PostgreSQL is the one inside nself. The first start on a machine unpacks it, or on
some processors compiles it for some seconds, and the first one in a project makes the database.
With --only postgres no Docker is needed. A project that has an embedded database keeps using it
unless NSELF_EMBEDDED_PG=false says otherwise.

From .env or the environment: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_PORT,
POSTGRES_SESSION_MEMORY, NSELF_RUNTIME_DIR, for a new database NSELF_LOCALE_PROVIDER and NSELF_LOCALE,
NSELF_OUTGOING for the networks that the database may connect to (none, or 10.0.0.0/8; by default all but
where cloud machines have their metadata), and PGLITE_WASM_PATH for a postgres.wasm in place of the
one built in.

Clients of the embedded database use its Unix socket; --listen opens a TCP port besides, for those
that cannot. An address that other machines reach is opened only where nobody gets in without TLS:
docs/production.md.

Prometheus scrapes --metrics, by anybody on this machine if that is an address of its own; another
address needs NSELF_METRICS_TOKEN in .env: docs/metrics.md.

--only postgres, --listen and --metrics are kept in .env, as NSELF_ONLY, NSELF_LISTEN and
NSELF_METRICS, and need not be given again; --only all, --listen none and --metrics none take them
back.`,
		Example: `  nself start --embedded-pg
  nself start --embedded-pg --only postgres
  nself start --embedded-pg --only postgres --listen 127.0.0.1:5432`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p.recall(cmd, &o)
			p.expire(cmd.Context(), cmd.ErrOrStderr())
			return p.start(cmd, o)
		},
	}
	o.flags(c)
	complete(c, "only", cobra.FixedCompletions([]string{"postgres", onlyAll}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (o *startOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.only, "only", "", "start this service alone: postgres; all: everything")
	f.BoolVar(&o.foreground, "foreground", false, "with --only postgres: stay in the foreground, with the log on standard error")
	f.StringVar(&o.listen, "listen", "", "with --only postgres: a TCP address besides the socket, such as 127.0.0.1:5432; one that other machines reach needs TLS; none: the socket alone")
	f.StringVar(&o.metrics, "metrics", "", "of the embedded database: an address that Prometheus scrapes, such as 127.0.0.1:9187; none: no metrics")
	f.BoolVarP(&o.yes, "yes", "y", false, "do not ask before clients of a running database are disconnected")
	f.IntVar(&o.timeout, "timeout", defaultTimeout, "seconds to wait for the database, and for the services, at most 600")
	f.BoolVar(&o.quick, "quick", false, "wait 30 seconds at most")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print errors only")
	f.BoolVar(&o.fresh, "fresh", false, "recreate the containers")
	f.BoolVar(&o.fresh, "force-recreate", false, "the same as --fresh")
	f.BoolVar(&o.skipBuild, "skip-build", false, "do not rewrite docker-compose.yml and the other generated files")
	f.BoolVar(&o.skipInit, "skip-db-init", false, "do not create schemas and extensions")
	f.BoolVar(&o.skipHealth, "skip-health-checks", false, "do not wait until the services are healthy")
	f.BoolVar(&o.skipPorts, "skip-port-check", false, "do not check that the services' ports are free")
}

// start is the command. What would keep it from succeeding is looked for before anything is changed.
func (p *project) start(cmd *cobra.Command, o startOptions) error {
	if err := o.complete(); err != nil {
		return err
	}
	if o.only != "" && o.only != "postgres" {
		return &embeddedpg.Error{Op: "start", Path: o.only, Err: errors.New("it cannot be started on its own"), Hint: "only postgres can: nself start --embedded-pg --only postgres"}
	}
	if p.Embedded && p.ServerModule != "" {
		if _, err := programs.ReadServerModule(p.ServerModule); err != nil {
			return err
		}
	}
	if p.Embedded {
		if err := p.follow(cmd, &o); err != nil {
			return err
		}
	}
	if !p.Embedded || o.only == "" {
		return p.startStack(cmd, o)
	}
	return p.startAlone(cmd, o)
}

// startAlone starts the embedded database and nothing else.
func (p *project) startAlone(cmd *cobra.Command, o startOptions) error {
	paths, err := p.paths()
	if err != nil {
		return err
	}
	if err := checkListen(o.listen, paths); err != nil { // before anything is made
		return err
	}
	if err := p.initialize(cmd); err != nil {
		return err
	}
	so, err := p.options()
	if err != nil {
		return err
	}
	so.Listen = o.listen
	if err := p.metrics(&so, o.metrics); err != nil {
		return err
	}
	if err := p.settle(cmd.Context(), cmd.ErrOrStderr()); err != nil {
		return err
	}
	if o.foreground {
		return startForeground(cmd.Context(), so, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	stdout, stderr := o.outputs(cmd)
	paths, state, err := startBackground(cmd.Context(), so, o.wait(), stdout, stderr, o.ask(cmd))
	if err != nil {
		return err
	}
	describe(stdout, paths, state)
	p.remember(cmd, o, stderr)
	return nil
}

func (o startOptions) ask(cmd *cobra.Command) ask {
	return func(what string) error { return confirm(cmd, o.yes, what) }
}

// outputs are where a command's words go.
func (o startOptions) outputs(cmd *cobra.Command) (stdout, stderr io.Writer) {
	if o.quiet {
		return io.Discard, io.Discard
	}
	return cmd.OutOrStdout(), cmd.ErrOrStderr()
}

func (o startOptions) wait() time.Duration { return time.Duration(o.timeout) * time.Second }

// complete checks the flags and fills in what follows from them.
func (o *startOptions) complete() error {
	if o.quick {
		o.timeout = min(o.timeout, quickTimeout)
	}
	if o.timeout < 1 || o.timeout > maxTimeout {
		return &embeddedpg.Error{Op: "use --timeout", Err: fmt.Errorf("%d is not a number of seconds from 1 to %d", o.timeout, maxTimeout), Hint: fmt.Sprintf("leave it out for %d", defaultTimeout)}
	}
	if o.only == "" && (o.foreground || o.listen != "") {
		return &embeddedpg.Error{Op: "start", Err: errors.New("--foreground and --listen are for the database alone"), Hint: "add --only postgres; the route from containers to the database is NSELF_DB_ROUTE's"}
	}
	o.listen = strings.Replace(o.listen, "localhost:", "127.0.0.1:", 1)
	o.metrics = strings.Replace(o.metrics, "localhost:", "127.0.0.1:", 1)
	return nil
}

// startBackground leaves a supervisor running and returns its state. If one runs already that is all, unless it has to be started
// again for its clients' sake, which is asked first.
func startBackground(ctx context.Context, o supervisor.Options, timeout time.Duration, stdout, stderr io.Writer, ask ask) (supervisor.Paths, supervisor.State, error) {
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
		if !reaches(found, o) {
			if err := ask.mayRestart(ctx, paths, found); err != nil {
				return paths, found, err
			}
			fmt.Fprintln(stderr, "PostgreSQL is running, but not reachable in the way that is wanted now: restarting it.")
			if _, err := supervisor.Stop(ctx, paths, supervisor.StopTime); err != nil && !unclean(err) {
				return paths, found, err
			}
			break
		}
		if found.Transient {
			err = supervisor.Keep(ctx, found)
		}
		if !errors.Is(err, supervisor.ErrStopping) { // else it ends just now, with the nself run that began it
			fmt.Fprintln(stdout, "PostgreSQL is already running.")
			return paths, found, err
		}
	case supervisor.Crashed:
		fmt.Fprintln(stderr, "The last run did not shut down cleanly; nothing committed is lost. Starting again.")
	}
	encrypt(&o, paths)
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
	encrypt(&o, paths)
	progress := newProgress(stderr)
	err = supervisor.Run(ctx, o, supervisor.NewLogHandler(&recordWriter{to: &recordPrinter{w: stderr}}), func(e supervisor.Event) {
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
		fmt.Fprintln(stdout, "PostgreSQL is already running.")
		return nil
	}
	return err
}

// describe says how to connect. It shows no password.
func describe(w io.Writer, paths supervisor.Paths, s supervisor.State) {
	if s.Branch != "" {
		fmt.Fprintf(w, "  branch    %s\n", s.Branch)
	}
	fmt.Fprintf(w, "  socket    %s\n", paths.Socket())
	fmt.Fprintf(w, "  URL       %s\n", shownURL(s))
	fmt.Fprintf(w, "  password  in %s; nself run gives a command the whole URL\n", paths.PasswordFile())
	if s.Listen != "" {
		fmt.Fprintf(w, "  TCP       %s\n", s.Listen)
	}
	if s.Metrics != "" {
		fmt.Fprintf(w, "  metrics   http://%s%s\n", s.Metrics, supervisor.MetricsPath)
	}
	fmt.Fprintf(w, "  query     nself psql\n")
	fmt.Fprintf(w, "  log       %s\n", paths.Log())
}
