package main

import (
	"github.com/spf13/cobra"

	"nself.org/embeddedpg/internal/image"
)

// newRoot returns the whole command line.
func newRoot() *cobra.Command {
	p := &project{}
	root := &cobra.Command{
		Use:   "nself",
		Short: "Run a project's backend on this machine",
		Long: `nself runs a project's backend on this machine: Hasura, Auth and Nginx in Docker, and PostgreSQL ` + image.Version + `
either inside nself itself (--embedded-pg) or in Docker too. The embedded database alone needs no
Docker, and nothing to download or install.

The project is the present directory, or the nearest one above it that has a .env for nself or an
embedded database; nself -C DIR goes to another directory first. Its configuration is in .env, the
embedded database in ` + defaultRuntime + `.`,
		Example: `  nself start --embedded-pg                   # all of it
  nself start --embedded-pg --only postgres   # the database alone
  nself psql -c 'SELECT version()'
  nself run --fresh -- go test ./...          # a command with a database of its own in its environment
  nself stop`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if forShell(cmd) {
				return nil
			}
			return p.load(cmd)
		},
	}
	root.PersistentFlags().Bool(embeddedFlag, false, "PostgreSQL is the one inside nself (the same as NSELF_EMBEDDED_PG=true)")
	root.PersistentFlags().String(branchFlag, "", "act on this branch of the database, not on the current one (the same as NSELF_BRANCH)")
	root.Flags().StringP(directoryFlag, "C", "", "go to this directory first; it comes before the command") // taken by inDirectory
	root.AddGroup(
		&cobra.Group{ID: groupStack, Title: "The backend:"},
		&cobra.Group{ID: groupData, Title: "Its data:"},
		&cobra.Group{ID: groupLook, Title: "Looking at it:"},
	)
	for group, commands := range map[string][]*cobra.Command{
		groupStack: {newInit(p), newBuild(p), newStart(p), newStop(p), newRestart(p), newReload(p), newRun(p), newService(p), newReset(p)},
		groupData:  {newDB(p), newBranch(p), newBackup(p), newExt(p), newPsql(p), newPg(p)},
		groupLook:  {newStatus(p), newHealth(p), newList(), newURLs(p), newLogs(p), newReplica(p), newDoctor(p), newStudio(p)},
	} {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	root.AddCommand(newSupervise(), newVersion(), newLicenses())
	root.AddCommand(newPrograms(p)...)
	root.Version = ownVersions().text()
	root.SetVersionTemplate("{{.Version}}\n")
	plainUsage(root)
	advise(root, p)
	return root
}

// Groups of commands in the help.
const (
	groupStack = "stack"
	groupData  = "data"
	groupLook  = "look"
)

// forShell reports whether the command is for the shell, whatever the project says.
func forShell(cmd *cobra.Command) bool {
	for c := cmd; c != nil; c = c.Parent() {
		switch c.Name() {
		case "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
			return true
		}
	}
	return false
}
