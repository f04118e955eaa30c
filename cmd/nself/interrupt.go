package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/internal/fault"
)

// untilSignal returns a context that ends with the first interrupt or request to terminate; interruption tells which. The
// next one ends the program at once, unless a command has taken the signals for itself.
func untilSignal(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		s := <-signals
		signal.Stop(signals)
		cancel(interruption(s.(syscall.Signal)))
	}()
	return ctx
}

// interruption is the signal that ended a command's context.
type interruption syscall.Signal

func (i interruption) Error() string { return "interrupted" }

// code is the exit code that a shell gives a program which the signal has killed.
func (i interruption) code() int { return 128 + int(i) }

// interrupted reports whether the command's context ended before its time, and by which signal.
func interrupted(ctx context.Context) (interruption, bool) {
	if ctx.Err() == nil {
		return 0, false
	}
	by := interruption(syscall.SIGINT)
	errors.As(context.Cause(ctx), &by)
	return by, true
}

// printInterrupted says what was interrupted and, if the error knows, how that leaves things.
func printInterrupted(w io.Writer, cmd *cobra.Command, err error) {
	if !errors.Is(err, context.Canceled) {
		printError(w, err)
	}
	fmt.Fprintf(w, "nself: %s: interrupted\n", verb(cmd))
	var e *fault.Error
	if errors.Is(err, context.Canceled) && errors.As(err, &e) && e.Hint != "" {
		fmt.Fprintln(w, "  "+e.Hint)
	}
}
