package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/supervisor"
)

func newStart(p *project) *cobra.Command {
	var only string
	var foreground bool
	c := &cobra.Command{
		Use:   "start",
		Short: "Start the database",
		Long: `Start the database and return when it answers a query. It goes on in the background until nself stop.
If it runs already, nothing happens. The first start on a machine compiles PostgreSQL, which takes some
seconds, and the first one in a project makes the database.

From .env or the environment: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB, POSTGRES_PORT. Without a
password nself makes one up and keeps it in the runtime directory, readable by this user alone.`,
		Example: "  nself start --embedded-pg --only postgres",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkScope(p.embedded, only); err != nil {
				return err
			}
			o, err := p.options()
			if err != nil {
				return err
			}
			if foreground {
				return startForeground(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			return startBackground(cmd.Context(), o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&only, "only", "", "start this service alone; so far: postgres")
	c.Flags().BoolVar(&foreground, "foreground", false, "stay in the foreground, with the log on standard error")
	return c
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

// startBackground leaves a supervisor running.
func startBackground(ctx context.Context, o supervisor.Options, stdout, stderr io.Writer) error {
	begin := time.Now()
	paths, err := supervisor.NewPaths(o.Runtime, true)
	if err != nil {
		return err
	}
	found, err := supervisor.Find(ctx, paths)
	if err != nil {
		return err
	}
	switch found.Phase {
	case supervisor.Ready:
		fmt.Fprintln(stdout, "PostgreSQL runs already.")
		describe(stdout, paths, found)
		return nil
	case supervisor.Crashed:
		fmt.Fprintln(stderr, "The last run did not end in order; nothing committed is lost. Starting again.")
	}
	o.Runtime = paths.Runtime
	self, err := os.Executable()
	if err != nil {
		return err
	}
	progress := newProgress(stderr)
	state, err := supervisor.Spawn(ctx, o, []string{self, superviseVerb}, progress.show)
	progress.end()
	if errors.Is(err, supervisor.ErrRunning) { // another command is starting it
		var ok bool
		if state, ok, err = supervisor.WaitReady(ctx, paths); err == nil && !ok {
			err = fmt.Errorf("another start, of process %d, failed; its log is %s", state.PID, paths.Log())
		}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "PostgreSQL %s is ready (%s).\n", state.Version, time.Since(begin).Round(time.Millisecond))
	describe(stdout, paths, state)
	return nil
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
	fmt.Fprintf(w, "  URL       postgresql://%s@/%s?host=%s&port=%d\n", s.User, s.Database, s.SocketDir, s.Port)
	fmt.Fprintf(w, "  query     nself psql\n")
	fmt.Fprintf(w, "  log       %s\n", paths.Log())
}

// progress shows the stages of a start: on a terminal in one line that changes, else one line each.
type progress struct {
	w        io.Writer
	terminal bool
	stage    embeddedpg.Stage
	open     bool // the line has no end yet
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

var stageText = map[embeddedpg.Stage]string{
	embeddedpg.StageCompile: "Compiling PostgreSQL for this machine, once",
	embeddedpg.StageCreate:  "Creating the database",
	embeddedpg.StageStart:   "Starting",
}

func (p *progress) show(e supervisor.Event) {
	text := stageText[e.Stage]
	if text == "" {
		return
	}
	if p.terminal {
		if e.Elapsed > 0 {
			text += fmt.Sprintf(" (%.1f s)", e.Elapsed.Seconds())
		}
		fmt.Fprintf(p.w, "\r\x1b[K%s ...", text)
		p.open = true
	} else if e.Stage != p.stage {
		fmt.Fprintln(p.w, text, "...")
	}
	p.stage = e.Stage
}

func (p *progress) end() {
	if p.open {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.open = false
	}
}
