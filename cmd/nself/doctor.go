package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/docker"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/programs"
)

// finding is the result of one check.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // ok, warning or failure
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`

	Elapsed time.Duration `json:"elapsed,omitempty"` // of a check that takes its time
}

const exitWarnings exitCode = 2

func newDoctor(p *project) *cobra.Command {
	var fix, self bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what would keep the backend from running",
		Long: `Look at the configuration, the embedded database's files, Docker and the ports, and say what is
wrong and what to do about it, and by which route containers reach the database and why. A missing
Docker is not a failure in a project whose embedded database does not use it.

With --selftest, look at the machine instead: start a temporary server and check sockets, signals, memory,
parallel queries, durability with a crash, backups and more, one line each. It takes some seconds, and says
whether nself can be relied on here; where it cannot, its lines are what to send us.

The exit code is 0 if all is well, 1 with a failure, 2 with warnings alone.`,
		Example: `  nself doctor
  nself doctor --selftest`,
		Args: cobra.NoArgs,
		// A .env that cannot be read is a finding, and no reason not to look at the rest.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
	}
	asJSON := jsonFlag(c)
	c.Flags().BoolVar(&fix, "fix", false, "make .env files readable by this user alone")
	c.Flags().BoolVar(&self, "selftest", false, "check this machine on a temporary server, not the project")
	c.MarkFlagsMutuallyExclusive("fix", "selftest")
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if self {
			return selftestCommand(cmd, *asJSON)
		}
		findings := []finding{}
		if err := p.load(cmd); err != nil {
			findings = append(findings, failed("configuration", err))
		} else {
			findings = p.diagnose(cmd.Context(), fix)
		}
		var err error
		if *asJSON {
			err = printJSON(cmd.OutOrStdout(), findings)
		} else {
			printFindings(cmd.OutOrStdout(), findings)
		}
		return errors.Join(err, verdict(findings))
	}
	return c
}

// verdict is the exit code as an error, nil for 0.
func verdict(findings []finding) error {
	var code error
	for _, f := range findings {
		switch f.Status {
		case "failure":
			return exitCode(1)
		case "warning":
			code = exitWarnings
		}
	}
	return code
}

func printFindings(w io.Writer, findings []finding) {
	for _, f := range findings {
		colour := map[string]string{"ok": green, "warning": yellow, "failure": red}[f.Status]
		if f.Elapsed > 0 {
			f.Detail += fmt.Sprintf(" (%.2f s)", f.Elapsed.Seconds())
		}
		fmt.Fprintf(w, "%s %-15s %s\n", paint(w, colour, fmt.Sprintf("%-8s", f.Status)), f.Check, f.Detail)
		if f.Hint != "" {
			fmt.Fprintf(w, "%-8s %-15s %s\n", "", "", f.Hint)
		}
	}
}

func fine(check, detail string, args ...any) finding {
	return finding{Check: check, Status: "ok", Detail: fmt.Sprintf(detail, args...)}
}

func failed(check string, err error) finding {
	f := finding{Check: check, Status: "failure", Detail: err.Error()}
	var e *fault.Error
	if errors.As(err, &e) {
		plain := *e
		plain.Hint = ""
		f.Detail, f.Hint = plain.Error(), e.Hint
	}
	return f
}

func warned(check string, err error) finding {
	f := failed(check, err)
	f.Status = "warning"
	return f
}

// diagnose runs all checks.
func (p *project) diagnose(ctx context.Context, fix bool) []finding {
	findings := append(p.checkConfiguration(), p.checkSecrecy(fix))
	if p.Embedded {
		findings = append(append(findings, p.checkModule()), p.checkRuntime(ctx)...)
		findings = append(findings, checkCache())
	}
	return append(findings, p.checkDocker(ctx)...)
}

func (p *project) checkConfiguration() []finding {
	if !p.Initialized() {
		return []finding{warned("configuration", &embeddedpg.Error{Op: "read", Path: ".env", Err: errors.New("the file does not exist"), Hint: "nself init writes one, and so does nself start"})}
	}
	err := p.Check()
	if err == nil {
		return []finding{fine("configuration", "complete: %s", strings.Join(p.Files, ", "))}
	}
	var list []finding
	parts := []error{err}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		parts = several.Unwrap()
	}
	for _, one := range parts {
		list = append(list, failed("configuration", one))
	}
	return list
}

// checkSecrecy looks whether others can read the secrets.
func (p *project) checkSecrecy(fix bool) finding {
	loose, err := p.LooseFiles()
	if err != nil {
		return failed("secrets", err)
	}
	for _, name := range loose {
		if !fix {
			return warned("secrets", &embeddedpg.Error{Op: "keep", Path: name, Err: errors.New("other users can read it"), Hint: "chmod 600 " + name + ", or nself doctor --fix"})
		}
		if err := os.Chmod(filepath.Join(p.Dir, name), 0o600); err != nil {
			return failed("secrets", err)
		}
	}
	switch {
	case len(loose) > 0:
		return fine("secrets", "made %s readable by this user alone", strings.Join(loose, ", "))
	case len(p.Files) == 0:
		return fine("secrets", "there are no secrets yet")
	}
	return fine("secrets", "this user alone can read the .env files")
}

// checkModule looks at PGLITE_WASM_PATH.
func (p *project) checkModule() finding {
	if p.ServerModule == "" {
		return fine("server module", "PostgreSQL %s, built in", ownVersions().PostgreSQL)
	}
	if _, err := programs.ReadServerModule(p.ServerModule); err != nil {
		return failed("server module", err)
	}
	return warned("server module", &embeddedpg.Error{Op: "use", Path: p.ServerModule, Err: errors.New("it runs instead of the built-in PostgreSQL"), Hint: "unset PGLITE_WASM_PATH unless that is meant"})
}

// checkRuntime looks at the runtime directory and at what runs in it.
func (p *project) checkRuntime(ctx context.Context) []finding {
	paths, err := p.paths()
	if err != nil {
		return []finding{failed("database", err)}
	}
	s, err := p.examineEmbedded(ctx, paths)
	if err != nil {
		return []finding{failed("database", err)}
	}
	if s.Status != string(supervisor.Ready) {
		s.Checks = append(s.Checks, freeDisk(p.Runtime))
	}
	return append([]finding{s.summary(paths)}, s.Checks...)
}

// summary is the finding on whether the database runs, with what to do if it does not.
func (s serviceReport) summary(paths supervisor.Paths) finding {
	switch supervisor.Phase(s.Status) {
	case supervisor.Ready:
		if s.answers {
			return fine("database", "%s", s.Details)
		}
		return problem("failure", "database", "it runs and does not answer: "+s.Details, "see nself logs postgres; nself restart postgres starts it again")
	case supervisor.Stopped:
		return fine("database", "not running")
	case supervisor.Crashed:
		return problem("failure", "database", "it has crashed: "+s.Details, "nself start; its log is "+paths.Log())
	}
	return problem("warning", "database", strings.TrimSuffix("it is "+s.Status+": "+s.Details, ": "), "wait for it: nself health --wait 60s; its log is "+paths.Log())
}

// checkCache looks whether compiled code can be kept.
func checkCache() finding {
	dir := programs.DefaultCacheDir()
	st, err := os.Stat(dir)
	switch {
	case dir == "":
		_, why := hostdir.Home()
		return warned("compiled code", &embeddedpg.Error{Op: "keep compiled code", Err: why, Hint: "each start compiles again until there is a place for it"})
	case errors.Is(err, os.ErrNotExist):
		return fine("compiled code", "none yet: the first start unpacks it, or compiles it for some seconds")
	case err != nil:
		return warned("compiled code", &embeddedpg.Error{Op: "keep compiled code in", Path: dir, Err: err, Hint: "every start compiles again until it can be kept there"})
	case st.Mode().Perm()&0o022 != 0:
		return warned("compiled code", &embeddedpg.Error{Op: "keep compiled code in", Path: dir, Err: errors.New("others can write there, so it is not used"), Hint: "chmod 700 " + dir})
	}
	return fine("compiled code", "kept in %s", dir)
}

// checkDocker looks at Docker, the route to the database, and the ports.
func (p *project) checkDocker(ctx context.Context) []finding {
	b, err := p.docker(ctx)
	if err != nil {
		if p.Embedded && !p.built() {
			return []finding{fine("docker", "not needed for the database alone; Hasura, Auth and Nginx need it: %s", reason(err))}
		}
		f := failed("docker", err)
		f.Detail = reason(err).Error()
		return []finding{f}
	}
	findings := []finding{fine("docker", "Docker %s (%s), Compose %s", b.engine.Version, b.engine.System, b.engine.ComposeVersion)}
	route, err := b.route()
	if err != nil {
		findings = append(findings, failed("route", err))
	} else {
		findings = append(findings, fine("route", "%s", routeText(route)))
	}
	running, err := b.runningContainers(ctx)
	if err == nil {
		err = p.checkPorts(running)
	}
	if err != nil {
		return append(findings, failed("ports", err))
	}
	return append(findings, fine("ports", "free, or used by these services themselves"))
}

func routeText(r docker.Route) string {
	text := string(r.Kind)
	if r.Listen != "" {
		text += " on " + r.Listen
	}
	return text + ": " + r.Why
}

// reason is an error's without what was attempted and the hint.
func reason(err error) error {
	var e *fault.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
