// Command nself runs a backend for one project; so far its database. See `nself help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"nself.org/embeddedpg"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command line without the process around it. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var code exitCode
	if errors.As(err, &code) {
		return int(code)
	}
	printError(stderr, err)
	return 1
}

// exitCode is an error that has been told already, or is no error but a code for scripts.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// printError prints an error and, on a line of its own, what to do about it.
func printError(w io.Writer, err error) {
	var e *embeddedpg.Error
	if !errors.As(err, &e) || e.Hint == "" {
		fmt.Fprintln(w, "nself:", err)
		return
	}
	plain := *e
	plain.Hint = ""
	fmt.Fprintln(w, "nself:", plain.Error())
	fmt.Fprintln(w, "  "+e.Hint)
}
