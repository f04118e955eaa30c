// Command nself runs a backend for one project: PostgreSQL, Hasura, Auth and Nginx. See `nself help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/extensions/pack"
	"nself.org/embeddedpg/internal/fault"
)

func main() {
	embeddedpg.ChildMain(pack.FS()) // the background process runs the server in one of its own
	os.Exit(run(untilSignal(context.Background()), os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command line without the process around it. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	args, err := inDirectory(args)
	if err != nil {
		printError(stderr, err)
		return 1
	}
	root := newRoot()
	root.SetArgs(args)
	out := &checkedWriter{w: stdout}
	root.SetOut(out)
	if isTerminal(stdout) {
		root.SetOut(stdout) // programs that this one starts are to see the terminal
	}
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		err = out.failure()
	}
	if err == nil {
		return 0
	}
	var code exitCode
	if errors.As(err, &code) {
		return int(code)
	}
	if by, ok := interrupted(ctx); ok {
		printInterrupted(stderr, cmd, err)
		return by.code()
	}
	printError(stderr, err)
	return 1
}

// exitCode is an error that has been told already, or is no error but a code for scripts.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// joined tells what errors.Join makes from an error that has a text of its own.
func joined(err error, parts []error) bool {
	return err.Error() == errors.Join(parts...).Error()
}

// printError prints an error and, on a line of its own, what to do about it; of several joined, each.
func printError(w io.Writer, err error) {
	if several, ok := err.(interface{ Unwrap() []error }); ok && joined(err, several.Unwrap()) {
		for _, one := range several.Unwrap() {
			printError(w, one)
		}
		return
	}
	var c *pgconn.ConnectError
	if errors.As(err, &c) && hasCode(err, tooManyConnections) { // of a package that knows no nself
		err = errFull(c.Config.Database)
	}
	var e *fault.Error
	if !errors.As(err, &e) || e.Hint == "" {
		fmt.Fprintln(w, paint(w, red, "nself:"), err)
		return
	}
	plain := *e
	plain.Hint = ""
	fmt.Fprintln(w, paint(w, red, "nself:"), plain.Error())
	fmt.Fprintln(w, "  "+e.Hint)
}
