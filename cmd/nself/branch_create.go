package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/cmd/nself/internal/branch"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/hostdir"
)

func (p *project) newBranchCreate() *cobra.Command {
	var from, ttl string
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a branch: a copy of the database, a backup or a moment",
		Long: `Make a branch: a copy of the current database with all its databases and roles, while its clients go
on working. It is whole or not there, also after a kill or a power cut. Nothing of it runs until nself
branch switch NAME, or nself --branch NAME start.

--from makes it of another branch, of a backup (an ID of nself backup list, latest, or a file), or of
a moment such as 2026-01-02T12:00:00Z, which needs a base backup from before it and the archived log
(NSELF_WAL_ARCHIVE=true).

A branch archives no log and applies no subscriptions: those are the original's. Unlogged tables of
an original that runs are empty in it.`,
		Example: `  nself branch create try
  nself branch create review-42 --ttl 3d
  nself branch create before --from '2026-01-02 11:55'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.mayBranch(); err != nil {
				return err
			}
			b := branch.Branch{Name: args[0]}
			if ttl != "" {
				d, err := age("--ttl", ttl)
				if err != nil {
					return err
				}
				b.Expires = time.Now().Add(d).Truncate(time.Second)
			}
			if err := branch.CheckName(b.Name); err != nil {
				return err
			}
			p.expire(cmd.Context(), cmd.ErrOrStderr())
			o, err := p.origin(cmd, from)
			if err != nil {
				return err
			}
			begin := time.Now()
			if err := p.makeBranch(cmd.Context(), b, o); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Made the branch %s of %s (%s).\n", b.Name, o.what, time.Since(begin).Round(time.Millisecond))
			tellExpiry(cmd.OutOrStdout(), b)
			fmt.Fprintf(cmd.OutOrStdout(), "  to work on it    nself branch switch %[1]s\n  to start it too  nself --branch %[1]s start\n", b.Name)
			return nil
		},
	}
	c.Flags().StringVar(&from, "from", "", "a branch, a backup, or a moment; default: the current branch")
	c.Flags().StringVar(&ttl, "ttl", "", "how long it is to stay: 3d, 12h; default: until it is deleted")
	complete(c, "from", p.completeBranches)
	return c
}

// makeBranch makes a branch of its origin.
func (p *project) makeBranch(ctx context.Context, b branch.Branch, o origin) error {
	b.From, b.Created = cmp.Or(b.From, o.what), time.Now().Truncate(time.Second)
	main, err := p.at(branch.Main).paths()
	if err != nil {
		return err
	}
	return p.branches.Create(ctx, b, func(runtime string) error {
		made := supervisor.Paths{Runtime: runtime}
		if err := o.fill(ctx, made.Data()); err != nil {
			return err
		}
		password, err := os.ReadFile(main.PasswordFile())
		if err == nil {
			err = hostdir.Replace(made.PasswordFile(), password, 0o600)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		// Its extensions' files are the main database's.
		return os.Symlink(filepath.Join("..", "..", "extensions"), filepath.Join(runtime, "extensions"))
	})
}

// completeBranches completes a branch's name.
func (p *project) completeBranches(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if p.load(cmd) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := []string{branch.Main}
	all, _ := p.branches.List()
	for _, b := range all {
		names = append(names, b.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
