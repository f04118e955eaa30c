package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
)

// jsonFlag adds --json to a command whose output programs read.
func jsonFlag(c *cobra.Command) *bool {
	return c.Flags().BoolP("json", "j", false, "print JSON")
}

// printJSON prints a value for programs: docs/json.md has its fields, and what may change.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// printJSONLine prints a value as a line of its own.
func printJSONLine(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// confirm asks before something is lost. Without a terminal to ask on, --yes must have been given.
func confirm(cmd *cobra.Command, yes bool, what string) error {
	if yes {
		return nil
	}
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !isTerminal(in) {
		return &embeddedpg.Error{Op: verb(cmd), Err: errors.New(what + ", and there is no terminal to ask on"), Hint: "if that is meant, add --yes"}
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s. Continue? [y/N] ", strings.ToUpper(what[:1])+what[1:])
	answer, err := readLine(cmd.Context(), in)
	if err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("canceled; nothing was changed")
}

// readLine reads a line that a person types. If ctx ends first, what is typed later is lost.
func readLine(ctx context.Context, in io.Reader) (string, error) {
	type line struct {
		text string
		err  error
	}
	typed := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(in).ReadString('\n')
		if text != "" {
			err = nil
		}
		typed <- line{text, err}
	}()
	select {
	case l := <-typed:
		return l.text, l.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// verb is what a command does as an error's text begins with it: its words without nself.
func verb(cmd *cobra.Command) string { return strings.TrimPrefix(cmd.CommandPath(), "nself ") }

// plural is "1 file", "2 files".
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// size is a number of bytes for people.
func size(n int64) string {
	const k = 1024
	switch {
	case n < 10*k:
		return fmt.Sprintf("%d B", n)
	case n < 10*k*k:
		return fmt.Sprintf("%d kB", n/k)
	case n < 10*k*k*k:
		return fmt.Sprintf("%d MB", n/k/k)
	}
	return fmt.Sprintf("%d GB", n/k/k/k)
}
