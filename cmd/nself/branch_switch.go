package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/branch"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/fault"
)

func (p *project) newBranchSwitch() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "switch NAME",
		Short: "Make a branch the one that commands act on",
		Long: `Make a branch, or main, the one that all commands act on. If the present one runs it is stopped, and
the other started in its place, with the same TCP address if there was one; the stack's containers
are made anew, so that Hasura and Auth know no other database's schema and sessions. It asks before it
disconnects clients. If the other cannot be started, the present one is started again.

The path of the socket is another one for each branch: nself urls has it, and nself run gives it to a
command.`,
		Example:           "  nself branch switch try\n  nself branch switch main",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeBranches,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.mayBranch(); err != nil {
				return err
			}
			return p.switchTo(cmd, args[0], yes)
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask before clients are disconnected")
	return c
}

func (p *project) switchTo(cmd *cobra.Command, name string, yes bool) error {
	if p.head.Git != "" {
		return &embeddedpg.Error{
			Op: verb(cmd), Path: name, Err: errors.New("the database follows Git"),
			Hint: "git switch " + name + "; or first: nself branch --per-git-branch=false; or for one command: nself --branch " + name + " COMMAND",
		}
	}
	var b branch.Branch
	if name != branch.Main {
		var err error
		if b, err = p.branches.Get(name); err != nil {
			return p.suggestBranch(name, err)
		}
	}
	if name == p.current && p.lost == nil {
		fmt.Fprintf(cmd.OutOrStdout(), "Already on %s.\n", nameOf(name))
		return nil
	}
	from, to := p.at(p.current), p.at(name)
	to.current, from.current = name, p.current
	o := startOptions{timeout: defaultTimeout, yes: yes}
	ran, err := to.takeOver(cmd, from, &o)
	if err != nil {
		return err
	}
	head := p.head
	head.Current = name
	if err := p.branches.SetHead(head); err != nil {
		return err
	}
	tell := func() {
		fmt.Fprintf(cmd.OutOrStdout(), "Switched to %s.\n", nameOf(name))
		tellExpiry(cmd.OutOrStdout(), b)
	}
	if !ran {
		tell()
		return nil
	}
	if err := to.startLike(cmd, o); err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "Going back to %s ...\n", from.databaseName())
		return errors.Join(err, p.branches.SetHead(p.head), from.startLike(cmd, o))
	}
	tell()
	if paths, err := from.paths(); err == nil {
		paths.ForgetSocketDir() // no container has it mounted any more
	}
	return nil
}

// startLike starts the database, and with it the containers if the project has some that run.
func (p *project) startLike(cmd *cobra.Command, o startOptions) error {
	if p.stackRuns(cmd.Context()) {
		o.listen, o.skipPorts = "", true
		return p.startStack(cmd, o)
	}
	o.only = "postgres"
	return p.startAlone(cmd, o)
}

// stackRuns reports whether one of the project's containers does.
func (p *project) stackRuns(ctx context.Context) bool {
	if !p.built() {
		return false
	}
	b, err := p.docker(ctx)
	if err != nil {
		return false // without Docker none can
	}
	all, err := b.containers(ctx)
	for _, c := range all {
		if c.State == "running" {
			return true
		}
	}
	return err != nil // then start tells why
}

// suggestBranch adds to an unknown branch's error what may have been meant.
func (p *project) suggestBranch(name string, err error) error {
	var e *fault.Error
	if !errors.Is(err, branch.ErrUnknown) || !errors.As(err, &e) {
		return err
	}
	names := []string{branch.Main}
	all, _ := p.branches.List()
	for _, b := range all {
		names = append(names, b.Name)
	}
	e.Hint = didYouMean(name, names, e.Hint)
	return err
}

// followGit begins or ends that the database follows Git.
func (p *project) followGit(cmd *cobra.Command, on bool) error {
	if err := p.mayBranch(); err != nil {
		return err
	}
	head := p.head
	if !on {
		head.Git = ""
		if p.lost == nil && !p.pending {
			head.Current = p.current
		}
		if err := p.branches.SetHead(head); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "The database does not follow Git any more; %s is current.\n", nameOf(head.Current))
		return nil
	}
	git, err := branch.FindGit(p.Dir)
	if err != nil {
		var e *fault.Error
		if errors.As(err, &e) {
			e.Hint = "call it in a working tree of Git's"
		}
		return err
	}
	if head.Git, err = git.Default(); err != nil {
		return err
	}
	paths, err := p.paths()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(paths.Runtime, 0o700); err != nil {
		return err
	}
	if _, err := supervisor.NewPaths(p.branches.Runtime(branch.Main), true); err != nil { // which keeps it out of Git
		return err
	}
	if err := p.branches.SetHead(head); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), `The database follows Git from now on: its branch %s has the main database, and any other one of its own,
which nself start and nself run make of the main database when it is not there. Nothing is deleted by itself.
`, head.Git)
	return nil
}
