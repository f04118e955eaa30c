package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	config "nself.org/embeddedpg/cmd/nself/internal/project"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
)

// runningProject is what list prints of one.
type runningProject struct {
	Name    string    `json:"name"`
	Status  string    `json:"status"`
	Project string    `json:"project"`
	Runtime string    `json:"runtime"`
	Gone    bool      `json:"gone"` // the runtime directory is not there any more
	PID     int       `json:"pid"`
	Listen  string    `json:"listen,omitempty"`
	Since   time.Time `json:"since"`
}

func newList() *cobra.Command {
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls", "ps"},
		Short:   "List the embedded databases of this user that run",
		Long: `List the embedded databases of this user that run, of every project, also of one whose directory was
removed. nself stop NAME stops one from anywhere.`,
		Args:              cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil }, // whatever the project here is
	}
	asJSON := jsonFlag(c)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		list := []runningProject{}
		for _, s := range supervisor.All(cmd.Context()) {
			_, err := os.Stat(s.Runtime)
			list = append(list, runningProject{
				Name: s.Name, Status: string(s.Phase), Project: s.Project, Runtime: s.Runtime, Gone: errors.Is(err, os.ErrNotExist),
				PID: s.PID, Listen: s.Listen, Since: s.Started,
			})
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), list)
		}
		if len(list) == 0 {
			fmt.Fprintln(cmd.OutOrStdout(), "None of your embedded databases is running.")
			return nil
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tSTATUS\tSINCE\tDIRECTORY")
		for _, r := range list {
			dir := r.Project
			if filepath.Join(r.Project, filepath.FromSlash(defaultRuntime)) != r.Runtime {
				dir += " (" + r.Runtime + ")"
			}
			if r.Gone {
				dir += ", which was removed"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Name, r.Status, r.Since.Local().Format(time.DateTime), dir)
		}
		return w.Flush()
	}
	return c
}

// named returns the running database that a name or a directory means.
func named(ctx context.Context, which string) (supervisor.State, error) {
	abs, err := filepath.Abs(which)
	if err != nil {
		return supervisor.State{}, err
	}
	var found []supervisor.State
	for _, s := range supervisor.All(ctx) {
		if s.Name == which || s.Project == abs || s.Runtime == abs {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return supervisor.State{}, &embeddedpg.Error{Op: "stop", Path: which, Err: errors.New("no embedded database of that name or directory runs"), Hint: "nself list shows those that do; one service of this project: nself stop --only " + which}
	case 1:
		return found[0], nil
	}
	var dirs []string
	for _, s := range found {
		dirs = append(dirs, s.Runtime)
	}
	return supervisor.State{}, &embeddedpg.Error{Op: "stop", Path: which, Err: fmt.Errorf("%d databases have that name", len(found)), Hint: "give the directory of one: nself stop " + strings.Join(dirs, ", or nself stop ")}
}

// stopNamed stops a project from anywhere: with its containers, if its directory still says which those are.
func stopNamed(cmd *cobra.Command, which string, o stopOptions) error {
	s, err := named(cmd.Context(), which)
	if err != nil {
		return err
	}
	if loaded, err := config.Load(s.Project, os.Environ()); err == nil {
		p := &project{Project: loaded}
		p.SetEmbedded(true)
		if p.choose(cmd) == nil && p.Runtime == s.Runtime && p.built() {
			return p.stop(cmd, o)
		}
	}
	begin := time.Now()
	ctx, cancel := context.WithTimeout(cmd.Context(), o.timeout)
	defer cancel()
	if err := supervisor.StopRunning(ctx, s); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "PostgreSQL of %s has stopped (%s).\n", s.Name, time.Since(begin).Round(time.Millisecond))
	return nil
}
