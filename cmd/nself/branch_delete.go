package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/branch"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

func (p *project) newBranchDelete() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:     "delete NAME",
		Aliases: []string{"rm"},
		Short:   "Delete a branch with its data",
		Long: `Delete a branch with its data, after it was stopped. It asks first. The current branch and the main
database are refused.`,
		Example:           "  nself branch delete try\n  nself branch delete try --yes",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.completeBranches,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := args[0]
			if err := p.mayDelete(cmd, name); err != nil {
				return err
			}
			what := "all data of the branch " + name + " will be lost"
			runs, err := p.branchRuns(cmd.Context(), name)
			if err != nil {
				return err
			}
			if runs {
				what += ", and its clients disconnected"
			}
			if err := confirm(cmd, yes, what); err != nil {
				return err
			}
			if err := p.deleteBranch(cmd.Context(), name); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Deleted the branch %s.\n", name)
			return nil
		},
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

// mayDelete refuses what is not to be deleted.
func (p *project) mayDelete(cmd *cobra.Command, name string) error {
	refuse := func(why, hint string) error {
		return &embeddedpg.Error{Op: verb(cmd), Path: name, Err: errors.New(why), Hint: hint}
	}
	if name == branch.Main {
		return refuse("it is the main database", "nself reset removes that, with all branches")
	}
	if _, err := p.branches.Get(name); err != nil {
		return p.suggestBranch(name, err)
	}
	if name == p.current || name == p.head.Current && p.head.Git == "" {
		if p.head.Git != "" {
			return refuse("it is the current branch", "git switch to another first")
		}
		return refuse("it is the current branch", "nself branch switch "+branch.Main+" first")
	}
	return nil
}

func (p *project) branchRuns(ctx context.Context, name string) (bool, error) {
	paths, err := p.at(name).paths()
	if err != nil {
		return false, err
	}
	s, err := supervisor.Find(ctx, paths)
	return s.Phase != supervisor.Stopped && s.Phase != supervisor.Crashed, err
}

// deleteBranch stops a branch's database and removes it.
func (p *project) deleteBranch(ctx context.Context, name string) error {
	paths, err := p.at(name).paths()
	if err != nil {
		return err
	}
	if _, err := supervisor.Stop(ctx, paths, supervisor.StopTime); err != nil && !unclean(err) {
		return err
	}
	return p.branches.Delete(ctx, name)
}

func (p *project) newBranchPrune() *cobra.Command {
	return &cobra.Command{
		Use:   "prune",
		Short: "Delete the branches whose time is over",
		Long: `Delete the branches that were made with --ttl and whose time is over, unless they are current or run.
nself branch create and nself start do it too.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.expire(cmd.Context(), cmd.OutOrStdout()) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "Nothing to delete.")
			}
			return nil
		},
	}
}
