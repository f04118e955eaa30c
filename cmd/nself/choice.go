package main

import (
	"slices"

	"github.com/spf13/cobra"
)

// choice is the value of a flag that takes one of a few words.
type choice struct {
	value   *string
	allowed []string
}

// choiceError is for a word that is none of them.
type choiceError struct{ allowed []string }

func (e *choiceError) Error() string { return "there is no such value" }

func (c *choice) String() string {
	if c.value == nil { // pflag compares defaults with a zero value
		return ""
	}
	return *c.value
}

func (c *choice) Set(s string) error {
	if !slices.Contains(c.allowed, s) {
		return &choiceError{c.allowed}
	}
	*c.value = s
	return nil
}

func (c *choice) Type() string { return "string" }

// choiceFlag adds a flag that takes one of the words, which the shell completes. Its default, which may be another word, is value.
func choiceFlag(c *cobra.Command, p *string, name, value, usage string, allowed ...string) {
	*p = value
	c.Flags().Var(&choice{p, allowed}, name, usage)
	complete(c, name, cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp))
}

// complete has the shell complete a flag's values.
func complete(c *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // the flag is not there, or has a function already
	}
}
