// Command nself runs a backend for one project: PostgreSQL, Hasura, Auth and Nginx. See `nself help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"nself.org/embeddedpg"
)

func main() {
	os.Exit(run(untilSignal(context.Background()), os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command line without the process around it. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
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
	if text := misread(err); text != "" {
		fmt.Fprintf(stderr, "nself: %s\n  see %s --help\n", text, cmd.CommandPath())
		return 1
	}
	printError(stderr, err)
	return 1
}

// misread returns what Cobra says of a command line that it does not understand; "" for other errors. Such errors can be
// told by their text alone.
func misread(err error) string {
	for _, how := range []string{"unknown command ", "unknown flag: ", "unknown shorthand flag: ", "flag needs an argument: ", "invalid argument ", "accepts ", "requires "} {
		if text := strings.TrimSpace(err.Error()); strings.HasPrefix(text, how) {
			text = strings.Replace(text, "\n\nDid you mean this?\n\t", "; did you mean ", 1)
			return strings.ReplaceAll(text, "\n\t", ", or ")
		}
	}
	return ""
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
