package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

func newRun(p *project) *cobra.Command {
	var fresh, migrate bool
	c := &cobra.Command{
		Use:   "run [--fresh [--migrate]] -- COMMAND [argument ...]",
		Short: "Run a command with the database",
		Long: `Run a command that finds the database in its environment: DATABASE_URL, and PGHOST, PGPORT, PGUSER,
PGPASSWORD, PGDATABASE and PGSSLMODE.

If the embedded database does not run, it is started, and stopped when the command has ended; of
several such commands at once, the last stops it. With --fresh the command gets an empty database
server of its own instead, which is gone when it has ended: tests do not touch the project's data.
--migrate applies the project's migrations to it first.

Signals go to the command, and its exit code is nself's: 126 if
it cannot be run, 127 if there is no such command, 128 and the signal's number if a signal ended it.`,
		Example: `  nself run --fresh -- go test ./...
  nself run --fresh --migrate -- npm test
  nself run -- sh -c 'psql "$DATABASE_URL" -c "SELECT 1"'`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := exec.LookPath(args[0])
			if err != nil {
				printError(cmd.ErrOrStderr(), &embeddedpg.Error{Op: "run", Path: args[0], Err: plainExec(err), Hint: "give the name of a program in PATH, or its path"})
				return exitCode(127)
			}
			if migrate && !fresh {
				return &embeddedpg.Error{Op: verb(cmd), Err: errors.New("--migrate is for --fresh"), Hint: "add --fresh, or migrate the project's database by nself db migrate"}
			}
			progress := newProgress(cmd.ErrOrStderr())
			progress.brief = true // standard error is the command's
			var db database
			var release func() error
			if fresh {
				db, release, err = p.fresh(cmd, progress, migrate)
			} else {
				db, release, err = p.borrow(cmd.Context(), progress)
			}
			if err != nil {
				return err
			}
			// From here on signals are the command's; nself ends after it.
			code, err := 0, cmd.Context().Err()
			if err == nil {
				code, err = runChild(path, args, db)
			}
			if e := release(); err == nil {
				err = e
			}
			if err != nil {
				return err
			}
			if code != 0 {
				return exitCode(code)
			}
			return nil
		},
	}
	c.DisableFlagsInUseLine = true
	c.Flags().BoolVar(&fresh, "fresh", false, "give the command an empty database server of its own, gone when it has ended")
	c.Flags().BoolVar(&migrate, "migrate", false, "with --fresh: apply the project's migrations first")
	return c
}

// plainExec is the reason without the name, which the message has already.
func plainExec(err error) error {
	var e *exec.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// borrow returns the running database, or starts one that ends when release is called by the last who
// holds it.
func (p *project) borrow(ctx context.Context, progress *progress) (db database, release func() error, err error) {
	if !p.Embedded && p.built() { // in Docker: it is started by nself start, and stays
		db, err := p.reach(ctx)
		if err != nil {
			return db, nil, err
		}
		c, err := db.connect(ctx)
		if err != nil {
			return db, nil, &embeddedpg.Error{Op: "use the database in Docker at", Path: fmt.Sprintf("%s:%d", db.host, db.port), Err: err, Hint: "start it: nself start"}
		}
		return db, func() error { return nil }, c.Close(ctx)
	}
	o, err := p.options()
	if err != nil {
		return db, nil, err
	}
	if err := p.settle(ctx, os.Stderr); err != nil {
		return db, nil, err
	}
	paths, err := supervisor.NewPaths(o.Runtime, true)
	if err != nil {
		return db, nil, err
	}
	o.Runtime, o.Transient = paths.Runtime, true
	for {
		state, err := ensure(ctx, paths, o, progress)
		if err != nil {
			return db, nil, err
		}
		release, err := supervisor.Hold(context.WithoutCancel(ctx), paths, state) // as long as the command runs
		if errors.Is(err, supervisor.ErrStopping) {                               // its last holder has just gone: wait, and start again
			if err := supervisor.WaitEnd(ctx, paths); err != nil {
				return db, nil, err
			}
			continue
		}
		if err != nil {
			return db, nil, err
		}
		password, err := paths.Password()
		if err != nil {
			return db, nil, errors.Join(err, release())
		}
		return embedded(state, password), release, nil
	}
}

// ensure returns the state of the running database, and starts it if there is none.
func ensure(ctx context.Context, paths supervisor.Paths, o supervisor.Options, progress *progress) (supervisor.State, error) {
	found, err := supervisor.Find(ctx, paths)
	if err != nil || found.Phase == supervisor.Ready {
		return found, err
	}
	if found.Phase == supervisor.Stopping {
		if err := supervisor.WaitEnd(ctx, paths); err != nil {
			return found, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return found, err
	}
	state, err := supervisor.Spawn(ctx, o, []string{self, superviseVerb}, progress.show)
	progress.end()
	if errors.Is(err, supervisor.ErrRunning) { // another command is starting it
		var ok bool
		if state, ok, err = supervisor.WaitReady(ctx, paths); err == nil && !ok {
			err = fmt.Errorf("another start, of process %d, failed; its log is %s", state.PID, paths.Log())
		}
	}
	return state, err
}

// runChild runs the command to its end and returns the exit code a shell would give.
func runChild(path string, args []string, db database) (int, error) {
	cmd := exec.Command(path, args[1:]...)
	cmd.Args[0] = args[0]
	cmd.Env = childEnvironment(os.Environ(), db)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn...)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		var pathError *fs.PathError
		if errors.As(err, &pathError) {
			printError(os.Stderr, &embeddedpg.Error{Op: "run", Path: path, Err: pathError.Err, Hint: "it must be a program, or a script that begins with #! and its interpreter"})
			return 126, nil
		}
		return 0, err
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				if !fromTerminal(s) {
					_ = cmd.Process.Signal(s) // it may just have ended
				}
			case <-ended:
				return
			}
		}
	}()
	err := cmd.Wait()
	close(ended)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return status.ExitStatus(), nil
}

// passedOn are the signals that the command gets when nself does.
var passedOn = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}

// fromTerminal reports whether a signal is one that the terminal has sent to the command already: it goes to
// every process in the foreground.
func fromTerminal(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer tty.Close()
	foreground, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && foreground == unix.Getpgrp()
}

// childEnvironment is env with the database's variables.
func childEnvironment(env []string, db database) []string {
	set := db.server().Environment()
	set["DATABASE_URL"] = db.server().URL()
	env = slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		_, ok := set[name]
		return ok
	})
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if set[name] != "" {
			env = append(env, name+"="+set[name])
		}
	}
	return env
}
