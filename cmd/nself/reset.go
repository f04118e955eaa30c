package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/branch"
	"nself.org/embeddedpg/cmd/nself/internal/compose"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

func newReset(p *project) *cobra.Command {
	var keepData, purge, yes bool
	c := &cobra.Command{
		Use:   "reset",
		Short: "Stop everything, and remove what nself has made, with the data",
		Long: `Stop everything and remove the generated files and the database: the embedded one's data directory,
or the volume of the one in Docker. With --purge also the log and the kept password. The branches of
the database go too.

The .env files, backups and all your own files stay. nself db reset empties the database alone.`,
		Example: "  nself reset --keep-data\n  nself reset --yes",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if keepData && purge {
				return &embeddedpg.Error{Op: verb(cmd), Err: errors.New("--keep-data and --purge exclude each other"), Hint: "give one of them"}
			}
			if !keepData {
				what, err := p.lostByReset(cmd)
				if err != nil {
					return err
				}
				if err := confirm(cmd, yes, what); err != nil {
					return err
				}
			}
			err := p.stop(cmd, stopOptions{timeout: supervisor.StopTime, grace: 30, volumes: !keepData, yes: true})
			if err != nil {
				return err
			}
			for _, name := range compose.Generated(p.Project) {
				if err := removeFile(cmd, filepath.Join(p.Dir, name)); err != nil {
					return err
				}
			}
			for _, name := range []string{"nginx", "postgres/init", "postgres", "ssl", ".nself/ca", ".nself/env"} {
				os.Remove(filepath.Join(p.Dir, name)) // fails while something of the user's is in it
			}
			if keepData {
				return nil
			}
			if err := p.deleteBranches(cmd); err != nil {
				return err
			}
			paths, err := p.at(branch.Main).paths()
			if err != nil {
				return err
			}
			removed, err := supervisor.Destroy(paths, purge)
			for _, name := range removed {
				fmt.Fprintln(cmd.OutOrStdout(), "removed", name)
			}
			os.Remove(filepath.Join(p.Dir, ".nself")) // fails while something is in it
			return err
		},
	}
	c.Flags().BoolVar(&keepData, "keep-data", false, "remove the generated files alone")
	c.Flags().BoolVar(&purge, "purge", false, "remove the log and the kept password too")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

// lostByReset says what is lost.
func (p *project) lostByReset(cmd *cobra.Command) (string, error) {
	if p.beside() {
		return "", &embeddedpg.Error{Op: verb(cmd), Path: p.branch, Err: errors.New("a reset is of the whole project"), Hint: "nself branch delete " + p.branch + " removes the branch"}
	}
	what := "all data of this project's database will be lost"
	all, err := p.branches.List()
	if len(all) > 0 {
		var names []string
		for _, b := range all {
			names = append(names, b.Name)
		}
		what = "all data of this project's database, and of its branches " + strings.Join(names, ", ") + ", will be lost"
	}
	return what, err
}

// deleteBranches stops the main database and all branches, and removes the branches.
func (p *project) deleteBranches(cmd *cobra.Command) error {
	all, err := p.branches.List()
	if err != nil {
		return err
	}
	main, err := p.at(branch.Main).paths()
	if err != nil {
		return err
	}
	if _, err := supervisor.Stop(cmd.Context(), main, supervisor.StopTime); err != nil && !unclean(err) {
		return err
	}
	for _, b := range all {
		if err := p.deleteBranch(cmd.Context(), b.Name); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), "removed the branch", b.Name)
	}
	return p.branches.Forget()
}

// removeFile removes a file that may not be there, and says so if it was.
func removeFile(cmd *cobra.Command, path string) error {
	err := os.Remove(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		fmt.Fprintln(cmd.OutOrStdout(), "removed", path)
	}
	return err
}
