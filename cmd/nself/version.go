package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/programs"
)

// versions is what version --json prints.
type versions struct {
	Nself      string `json:"nself"` // "(devel)" unless built from a release
	Commit     string `json:"commit,omitempty"`
	PostgreSQL string `json:"postgresql"`
	Module     string `json:"module_sha256"`    // of the embedded postgres.wasm
	Engine     string `json:"engine,omitempty"` // what runs a server: "native" or "wasmtime"
	Go         string `json:"go"`
	Platform   string `json:"platform"`
}

func newVersion() *cobra.Command {
	var short bool
	c := &cobra.Command{
		Use:               "version",
		Short:             "Print the versions of nself and of its PostgreSQL",
		Args:              cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil }, // whatever .env says
	}
	asJSON := jsonFlag(c)
	c.Flags().BoolVar(&short, "short", false, "print nself's version alone")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		v := ownVersions()
		switch {
		case *asJSON:
			return printJSON(cmd.OutOrStdout(), v)
		case short:
			fmt.Fprintln(cmd.OutOrStdout(), v.Nself)
		default:
			fmt.Fprintln(cmd.OutOrStdout(), v.text())
		}
		return nil
	}
	return c
}

// text is for people.
func (v versions) text() string {
	return fmt.Sprintf("nself %s with PostgreSQL %s (%s), %s", v.Nself, v.PostgreSQL, v.Engine, v.Platform)
}

func ownVersions() versions {
	engine, err := programs.DefaultRunner()
	if err != nil {
		engine = err.Error()
	}
	v := versions{
		Nself: "(devel)", PostgreSQL: image.Version, Module: image.PostgresSHA256, Engine: engine,
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if b, ok := debug.ReadBuildInfo(); ok {
		if b.Main.Version != "" {
			v.Nself = b.Main.Version
		}
		for _, s := range b.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	return v
}
