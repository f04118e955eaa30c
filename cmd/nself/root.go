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
		Long: `nself runs a project's backend on this machine. So far that is its database: PostgreSQL ` + image.Version + `,
inside nself itself, without Docker and without anything to download or install.

The project is the present directory. Its data, sockets, log and password are in ` + defaultRuntime + `.`,
		Example: `  nself start --embedded-pg --only postgres
  nself psql -c 'SELECT version()'
  nself stop`,
		Version:           image.Version,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return p.load() },
	}
	root.SetVersionTemplate("nself with PostgreSQL {{.Version}}\n")
	root.PersistentFlags().BoolVar(&p.embedded, "embedded-pg", false, "run PostgreSQL inside nself (or set NSELF_EMBEDDED_PG=true)")
	root.AddCommand(newStart(p), newStop(p), newStatus(p), newPsql(p), newSupervise())
	return root
}
