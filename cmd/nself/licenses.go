package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/extensions/pack"
	"nself.org/embeddedpg/internal/image"
)

func newLicenses() *cobra.Command {
	return &cobra.Command{
		Use:   "licenses",
		Short: "Print the licences of everything that is part of nself",
		Long: `Print the licences and notices of PostgreSQL, the extensions and the libraries that are part of this
program. Whoever passes the program on passes them on too.`,
		Example:           "  nself licenses | less",
		Args:              cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil }, // whatever .env says
		RunE: func(cmd *cobra.Command, _ []string) error {
			extensions, err := pack.Licenses()
			if err == nil {
				_, err = fmt.Fprint(cmd.OutOrStdout(), image.Licenses(), "\n", extensions)
			}
			return err
		},
	}
}
