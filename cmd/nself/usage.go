package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"nself.org/embeddedpg"
)

// plainUsage gives the whole tree of commands one plain way to say that a command line was not understood, with what may have
// been meant. It replaces Cobra's own words, and gives commands that only have others below them an error for a word that is
// none of these.
func plainUsage(c *cobra.Command) {
	c.SetFlagErrorFunc(flagError)
	if c.HasSubCommands() && !c.Runnable() {
		c.Args = cobra.NoArgs
		c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	if valid := c.Args; valid != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if valid(cmd, args) == nil {
				return nil
			}
			return argumentError(cmd, args)
		}
	}
	for _, sub := range c.Commands() {
		plainUsage(sub)
	}
}

// argumentError says what is wrong with the number of a command's arguments, or with the name of a command below it.
func argumentError(cmd *cobra.Command, args []string) error {
	e := &embeddedpg.Error{Op: verb(cmd), Hint: "usage: " + cmd.UseLine()}
	if !cmd.HasParent() && len(args) > 0 {
		e.Op, args = "use the command", args[:1]
	}
	switch {
	case len(args) == 0:
		e.Err = errors.New("an argument is missing")
	case cmd.HasSubCommands():
		e.Path, e.Err = args[0], errors.New("there is no such command")
		e.Hint = didYouMean(args[0], commandNames(cmd), "see "+cmd.CommandPath()+" --help")
	default:
		e.Err = fmt.Errorf("there are too many arguments, from %q on", args[max(0, len(args)-1)])
		if !strings.ContainsAny(cmd.Use, " ") {
			e.Err = fmt.Errorf("it takes no arguments, and %q is one", args[0])
		}
	}
	return e
}

// commandNames are the commands below one, those too that its help does not list.
func commandNames(cmd *cobra.Command) (names []string) {
	for _, sub := range cmd.Commands() {
		if sub.Name() != superviseVerb {
			names = append(names, append([]string{sub.Name()}, sub.Aliases...)...)
		}
	}
	return names
}

// flagError says what is wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	e := &embeddedpg.Error{Op: verb(cmd), Err: err, Hint: "see " + cmd.CommandPath() + " --help"}
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name := "--" + unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			name = name[1:]
		}
		e.Path, e.Err = name, errors.New("there is no such flag")
		e.Hint = didYouMean(name, flagNames(cmd), e.Hint)
	case errors.As(err, &empty):
		e.Path, e.Err = "--"+empty.GetFlag().Name, errors.New("its value is missing")
	case errors.As(err, &invalid):
		e.Op, e.Path, e.Err = "use --"+invalid.GetFlag().Name, invalid.GetValue(), errors.Unwrap(invalid)
		switch invalid.GetFlag().Value.Type() {
		case "int":
			e.Err = errors.New("it is not a whole number")
		case "bool":
			e.Err = errors.New("it is neither true nor false")
		case "duration":
			e.Err, e.Hint = errors.New("it is not a length of time"), "write 30s, 5m or 2h"
		}
		var wrong *choiceError
		if errors.As(err, &wrong) {
			e.Hint = didYouMean(e.Path, wrong.allowed, "use "+either(wrong.allowed))
		}
	}
	return e
}

func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, "--"+f.Name)
		}
	})
	return names
}

// didYouMean is a hint that names what is spelled nearly like the word; otherwise if there is nothing like it.
func didYouMean(word string, among []string, otherwise string) string {
	if near := closest(word, among); len(near) > 0 {
		return "did you mean " + either(near) + "?"
	}
	return otherwise
}

// mostSuggestions keeps a short word from suggesting everything that begins with it.
const mostSuggestions = 3

// closest returns the words that Cobra would suggest for one, the best first.
func closest(word string, among []string) []string {
	all := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, name := range among {
		all.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	near := all.SuggestionsFor(word)
	slices.SortStableFunc(near, func(a, b string) int {
		return cmp.Compare(shared(word, b), shared(word, a))
	})
	return near[:min(len(near), mostSuggestions)]
}

// shared is how long two words are the same.
func shared(a, b string) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// either lists words: "a", "a or b", "a, b or c".
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
