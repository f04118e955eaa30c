package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/cmd/nself/internal/selftest"
)

// selftestCommand is doctor --selftest. Each line is printed when its check is done: a crash leaves those before it to be read.
func selftestCommand(cmd *cobra.Command, asJSON bool) error {
	lines := cmd.OutOrStdout()
	if asJSON {
		lines = io.Discard
	}
	began := time.Now()
	findings := []finding{}
	err := selftest.Run(cmd.Context(), func(r selftest.Result) {
		f := fine(r.Check, "%s", r.Detail)
		if r.Err != nil {
			f = failed(r.Check, r.Err)
		}
		f.Elapsed = r.Elapsed
		findings = append(findings, f)
		printFindings(lines, []finding{f})
	})
	if asJSON {
		return errors.Join(err, printJSON(cmd.OutOrStdout(), findings), verdict(findings))
	}
	bad := len(only("failure", findings))
	fmt.Fprintf(lines, "%d of %d checks passed in %.1f s\n", len(findings)-bad, len(selftest.Checks()), time.Since(began).Seconds())
	if bad > 0 {
		fmt.Fprintln(lines, "EMBEDDEDPG_ENGINE=wasmtime nself doctor --selftest tells whether native code is at fault; please send us what both print")
	}
	return errors.Join(err, verdict(findings))
}
