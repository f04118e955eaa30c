package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
)

func newExtRemove(p *project) *cobra.Command {
	c := &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove an extension from the project",
		Long: `Remove an extension that was added: the server no longer loads it when it starts, for which the database
is restarted if it runs, and its files leave the project. Refused while the project's database has it: DROP
EXTENSION comes first.`,
		Example: "  nself ext remove pg_cron",
		Args:    cobra.ExactArgs(1),
	}
	c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for name := range ownExtensions(p.extensionDir()) {
			names = append(names, name)
		}
		if d, err := p.Database(); err == nil {
			names = append(names, d.Preloaded()...)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		name := args[0]
		d, err := p.Database()
		if err != nil {
			return err
		}
		own, isOwn := ownExtensions(p.extensionDir())[name]
		load := d.Preloaded()
		if !isOwn && !slices.Contains(load, name) {
			return &embeddedpg.Error{Op: "remove the extension", Path: name, Err: errors.New("it was not added to the project"), Hint: "nself ext list shows which were; DROP EXTENSION takes one out of a database"}
		}
		if err := p.unused(cmd.Context(), name); err != nil {
			return err
		}
		if err := p.setPreload(cmd, slices.DeleteFunc(load, func(n string) bool { return n == name || isOwn && n == moduleOf(name, own) })); err != nil {
			return err
		}
		if isOwn {
			if err := removeExtension(p.extensionDir(), name, moduleOf(name, own)); err != nil {
				return err
			}
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s is removed from the project.\n", name)
		return nil
	}
	return c
}

// unused says so if the running database has the extension.
func (p *project) unused(ctx context.Context, name string) error {
	db, err := p.reach(ctx)
	if err != nil {
		return nil //nolint:nilerr // it does not run
	}
	c, err := db.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	var has bool
	if err := c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = $1)", name).Scan(&has); err != nil {
		return err
	}
	if has {
		return &embeddedpg.Error{Op: "remove the extension", Path: name, Err: fmt.Errorf("the database %s has it", db.name), Hint: fmt.Sprintf("drop it there first: nself psql -c 'DROP EXTENSION \"%s\"'", name)}
	}
	return nil
}

// removeExtension removes an extension's files: the control file first, without which nobody finds the others, and the module
// last, if no other extension's functions are in it.
func removeExtension(dir, name, module string) error {
	scripts, err := filepath.Glob(filepath.Join(dir, name+"--*.sql"))
	if err != nil {
		return err
	}
	files := append([]string{filepath.Join(dir, name+".control")}, scripts...)
	shared := false
	for other, control := range ownExtensions(dir) {
		shared = shared || other != name && moduleOf(other, control) == module
	}
	if !shared {
		files = append(files, filepath.Join(dir, module+".so"))
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
