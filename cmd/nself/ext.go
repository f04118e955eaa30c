package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	config "nself.org/embeddedpg/cmd/nself/internal/project"
	"nself.org/embeddedpg/extensions/pack"
)

// preloadVariable names the extensions that the server loads when it starts.
const preloadVariable = "POSTGRES_PRELOAD"

func newExt(p *project) *cobra.Command {
	c := &cobra.Command{
		Use:   "ext",
		Short: "List, add and remove extensions of the embedded database",
		Long: `List, add and remove extensions of the embedded database. Many are built in, and nself carries a pack of
more: CREATE EXTENSION finds both, and needs nself ext add only for those that the server must load when
it starts. Extensions of one's own, built as docs/extension-modules.md says, are added to the project.`,
		Example: "  nself ext list\n  nself ext add pg_cron\n  nself ext add ~/extensions\n  nself ext remove pg_cron",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(newExtList(p), newExtAdd(p), newExtRemove(p))
	return c
}

// extensionRow is what list prints of one.
type extensionRow struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	From    string `json:"from"`    // pack, or project
	Preload string `json:"preload"` // no; needed, and not yet set; or set
	Licence string `json:"licence,omitempty"`
	Comment string `json:"comment,omitempty"`
}

func newExtList(p *project) *cobra.Command {
	c := &cobra.Command{
		Use:   "list",
		Short: "List the extensions of the pack and of the project",
		Long: `List the extensions that nself carries in its pack, and those that were added to the project. Those
that are built in are not listed: SELECT * FROM pg_available_extensions has all. PRELOAD tells whether the
server must load it when it starts, and whether it does.`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(c)
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		rows, err := extensionRows(p)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), rows)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tVERSION\tFROM\tPRELOAD\tWHAT IT IS")
		for _, r := range rows {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Name, r.Version, r.From, r.Preload, r.Comment)
		}
		return w.Flush()
	}
	return c
}

// extensionRows returns the pack's and the project's, which come before those of the same name.
func extensionRows(p *project) ([]extensionRow, error) {
	d, err := p.Database()
	if err != nil {
		return nil, err
	}
	preloaded := d.Preloaded()
	state := func(name string, needed bool) string {
		switch {
		case slices.Contains(preloaded, name):
			return "set"
		case needed:
			return "needed"
		}
		return "no"
	}
	rows := []extensionRow{}
	for name, control := range ownExtensions(p.extensionDir()) {
		rows = append(rows, extensionRow{Name: name, Version: control["default_version"], From: "project", Preload: state(name, false), Comment: control["comment"]})
	}
	for _, e := range pack.List() {
		if !slices.ContainsFunc(rows, func(r extensionRow) bool { return r.Name == e.Name }) {
			rows = append(rows, extensionRow{Name: e.Name, Version: e.Version, From: "pack", Preload: state(e.Name, len(e.Preload) > 0), Licence: e.Licence, Comment: e.Comment})
		}
	}
	slices.SortFunc(rows, func(a, b extensionRow) int { return strings.Compare(a.Name, b.Name) })
	return rows, nil
}

// extensionDir is where the project's own extensions are; it need not exist.
func (p *project) extensionDir() string { return filepath.Join(p.Runtime, "extensions") }

// ownExtensions returns what the control files in a directory say, by the names of the extensions; of a module without one
// nothing.
func ownExtensions(dir string) map[string]map[string]string {
	all := map[string]map[string]string{}
	used := map[string]bool{}
	controls, _ := filepath.Glob(filepath.Join(dir, "*.control"))
	for _, c := range controls {
		text, err := os.ReadFile(c)
		if err != nil {
			continue
		}
		name := strings.TrimSuffix(filepath.Base(c), ".control")
		all[name] = controlFile(text)
		used[moduleOf(name, all[name])] = true
	}
	modules, _ := filepath.Glob(filepath.Join(dir, "*.so"))
	for _, m := range modules {
		if name := strings.TrimSuffix(filepath.Base(m), ".so"); !used[name] {
			all[name] = map[string]string{}
		}
	}
	return all
}

var controlLine = regexp.MustCompile(`(?m)^\s*(\w+)\s*=\s*(?:'((?:[^']|'')*)'|(\S+))`)

// controlFile reads the settings of a control file.
func controlFile(text []byte) map[string]string {
	set := map[string]string{}
	for _, m := range controlLine.FindAllStringSubmatch(string(text), -1) {
		set[m[1]] = cmp.Or(strings.ReplaceAll(m[2], "''", "'"), m[3])
	}
	return set
}

// moduleOf is the name of the module that an extension's functions are in.
func moduleOf(name string, control map[string]string) string {
	return strings.TrimPrefix(cmp.Or(control["module_pathname"], name), "$libdir/")
}

// setPreload writes the names to .env and has the database take them, which it restarts if it runs. A server that does not
// start with them is started as it was before.
func (p *project) setPreload(cmd *cobra.Command, names []string) error {
	d, err := p.Database()
	if err != nil || d.Preload == strings.Join(names, ",") {
		return err
	}
	before := d.Preload
	set := func(value string) error {
		env, err := os.OpenFile(filepath.Join(p.Dir, ".env"), os.O_CREATE|os.O_WRONLY, 0o600) // a project need not have one
		if err != nil {
			return err
		}
		env.Close()
		if err := config.Set(p.Dir, map[string]string{preloadVariable: value}); err != nil {
			return err
		}
		if err := p.load(cmd); err != nil {
			return err
		}
		if now, err := p.Database(); err != nil || now.Preload != value {
			return cmp.Or(err, error(&embeddedpg.Error{Op: "set " + preloadVariable, Path: p.Dir, Err: fmt.Errorf("it is %q in the environment or another .env file", now.Preload), Hint: "change it there"}))
		}
		return nil
	}
	if err := set(strings.Join(names, ",")); err != nil {
		return err
	}
	if err := p.restartIfRunning(cmd); err != nil {
		if back := set(before); back == nil {
			_ = p.restartOne(cmd, "postgres", startOptions{timeout: defaultTimeout})
		}
		return err
	}
	return nil
}

// restartIfRunning restarts the database if it runs.
func (p *project) restartIfRunning(cmd *cobra.Command) error {
	paths, err := p.paths()
	if err != nil {
		return err
	}
	if _, err := running(cmd.Context(), paths); err != nil {
		return nil //nolint:nilerr // it does not run
	}
	return p.restartOne(cmd, "postgres", startOptions{timeout: defaultTimeout})
}
