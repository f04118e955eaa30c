package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/branch"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

const branchVerb = "branch"

func newBranch(p *project) *cobra.Command {
	var perGit bool
	c := &cobra.Command{
		Use:   branchVerb,
		Short: "Make, list, switch and delete branches of the database",
		Long: `Make, list, switch and delete branches of the embedded database: copies of all of it, each with a
directory, a log and a socket of its own, which share the disk's blocks with the original where the
file system can (XFS, Btrfs, APFS). Alone it is branch list.

Commands act on the current branch, at first the main database. nself --branch NAME COMMAND, or
NSELF_BRANCH, acts on another one, beside it: nself --branch NAME start starts it on its own socket.

With --per-git-branch the current branch is the one of Git's that is checked out: the main database
for Git's default branch, and for any other a branch of that name, which nself start and nself run
make of the main database when there is none. While no branch is checked out it is the one that was
started last. Nothing is deleted when Git's branch is.`,
		Example: `  nself branch create try
  nself branch switch try
  nself --branch try psql -c 'SELECT 1'
  nself branch switch main && nself branch delete try
  nself branch --per-git-branch`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(c)
	c.Flags().BoolVar(&perGit, "per-git-branch", false, "the database follows Git from now on; with =false not any more")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flag("per-git-branch").Changed {
			return p.followGit(cmd, perGit)
		}
		return p.listBranches(cmd, *asJSON)
	}
	c.AddCommand(p.newBranchCreate(), p.newBranchList(), p.newBranchSwitch(), p.newBranchDelete(), p.newBranchPrune())
	return c
}

func (p *project) newBranchList() *cobra.Command {
	c := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List the branches, and which of them run", Args: cobra.NoArgs}
	asJSON := jsonFlag(c)
	c.RunE = func(cmd *cobra.Command, _ []string) error { return p.listBranches(cmd, *asJSON) }
	return c
}

// listedBranch is what branch list prints of one.
type listedBranch struct {
	Name    string    `json:"name"`
	Current bool      `json:"current"`
	Status  string    `json:"status"`
	From    string    `json:"from,omitempty"`
	Created time.Time `json:"created,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	GitGone bool      `json:"git_gone"` // it was made for a branch of Git's that is not there any more
	Runtime string    `json:"runtime"`
}

func (p *project) listBranches(cmd *cobra.Command, asJSON bool) error {
	if err := p.mayBranch(); err != nil {
		return err
	}
	all, err := p.branches.List()
	if err != nil {
		return err
	}
	git, gitErr := branch.FindGit(p.Dir)
	list := []listedBranch{}
	for _, b := range append([]branch.Branch{{Name: branch.Main}}, all...) {
		paths, err := p.at(b.Name).paths()
		if err != nil {
			return err
		}
		s, err := supervisor.Find(cmd.Context(), paths)
		if err != nil {
			return err
		}
		list = append(list, listedBranch{
			Name: b.Name, Current: b.Name == p.current, Status: string(s.Phase), From: b.From, Created: b.Created, Expires: b.Expires,
			GitGone: b.Git && gitErr == nil && !git.Has(b.Name), Runtime: paths.Runtime,
		})
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), list)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  NAME\tSTATUS\tFROM\tCREATED\tNOTE")
	for _, b := range list {
		mark, created := " ", ""
		if b.Current {
			mark = "*"
		}
		if !b.Created.IsZero() {
			created = b.Created.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s %s\t%s\t%s\t%s\t%s\n", mark, b.Name, b.Status, b.From, created, b.note(time.Now()))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	switch {
	case p.lost != nil:
		printError(cmd.ErrOrStderr(), p.lost)
	case p.pending:
		fmt.Fprintf(cmd.OutOrStdout(), "Git's branch %s has none yet: nself start makes it of the main database.\n", p.branch)
	case p.head.Git != "":
		fmt.Fprintf(cmd.OutOrStdout(), "The database follows Git; its branch %s has the main database.\n", p.head.Git)
	}
	return nil
}

// note is what a person may have to know of a branch.
func (b listedBranch) note(now time.Time) string {
	switch {
	case b.GitGone:
		return "Git's branch is gone; nself branch delete " + b.Name + " deletes this one"
	case b.Expires.IsZero():
		return ""
	case b.Expires.After(now):
		return "expires in " + b.Expires.Sub(now).Round(time.Minute).String()
	}
	return "expired; nself branch prune deletes it unless it is current or runs"
}

// mayBranch refuses where there is no embedded database.
func (p *project) mayBranch() error {
	if p.Embedded || !p.built() {
		return nil
	}
	return &embeddedpg.Error{Op: branchVerb, Err: errors.New("the project's database is in Docker, and branches are of the embedded one"), Hint: "see nself db import --from-docker"}
}

// expire removes the branches whose time is over, unless they are current or run, and tells of each. What cannot be removed is
// told and stays.
func (p *project) expire(ctx context.Context, w io.Writer) (removed int) {
	all, err := p.branches.List()
	if err != nil {
		return 0
	}
	for _, b := range all {
		if !b.Expired(time.Now()) || b.Name == p.current || b.Name == p.branch {
			continue
		}
		paths, err := p.at(b.Name).paths()
		if err != nil {
			continue
		}
		if s, err := supervisor.Find(ctx, paths); err != nil || s.Phase != supervisor.Stopped && s.Phase != supervisor.Crashed {
			continue
		}
		if err := p.branches.Delete(ctx, b.Name); err != nil {
			printError(w, err)
			continue
		}
		removed++
		fmt.Fprintf(w, "Deleted the branch %s, whose time ended at %s.\n", b.Name, b.Expires.Local().Format(time.DateTime))
	}
	return removed
}

// tellExpiry says when a branch will be deleted.
func tellExpiry(w io.Writer, b branch.Branch) {
	if !b.Expires.IsZero() {
		fmt.Fprintf(w, "  It expires at %s; nself branch create, prune and nself start then delete it, unless it is current or runs.\n", b.Expires.Local().Format(time.DateTime))
	}
}
