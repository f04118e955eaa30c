package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/extensions/pack"
	"nself.org/embeddedpg/internal/hostdir"
	"nself.org/embeddedpg/internal/programs"
)

func newExtAdd(p *project) *cobra.Command {
	var preload bool
	c := &cobra.Command{
		Use:   "add NAME|FILE|DIR...",
		Short: "Add extensions to the project",
		Long: `Add extensions to the project: those of the pack by name, others by a directory with their files (NAME.so,
NAME.control, SQL), a zip archive of one, or a module alone. Those that the server must load when it starts
are written to ` + preloadVariable + ` in .env, and the database is restarted if it runs; where it does not start with
them, it is started as it was. CREATE EXTENSION is what makes an extension in a database.`,
		Example: "  nself ext add pg_cron\n  nself ext add ~/extensions --preload",
		Args:    cobra.MinimumNArgs(1),
	}
	c.Flags().BoolVar(&preload, "preload", false, "the server loads the modules of the file or directory when it starts")
	c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, e := range pack.List() {
			names = append(names, e.Name)
		}
		return names, cobra.ShellCompDirectiveDefault
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if !p.Embedded {
			return errOwnExtensions
		}
		d, err := p.Database()
		if err != nil {
			return err
		}
		load := d.Preloaded()
		var added, stored []string
		undo := func(err error) error {
			for _, f := range stored {
				_ = os.Remove(f)
			}
			return err
		}
		for _, arg := range args {
			names, needed, files, err := p.addExtension(arg, preload)
			stored = append(stored, files...)
			if err != nil {
				return undo(err)
			}
			added = append(added, names...)
			for _, name := range needed {
				if !slices.Contains(load, name) {
					load = append(load, name)
				}
			}
		}
		if err := p.setPreload(cmd, load); err != nil {
			return undo(err)
		}
		for _, name := range added {
			fmt.Fprintf(cmd.OutOrStdout(), "%s is there. In a database: CREATE EXTENSION \"%s\" CASCADE\n", name, name)
		}
		return nil
	}
	return c
}

var errOwnExtensions = &embeddedpg.Error{
	Op: "add extensions", Err: errors.New("the project's database is in Docker, whose image has its own"),
	Hint: "use the embedded one: --embedded-pg, or NSELF_EMBEDDED_PG=true",
}

// addExtension adds one argument's extensions, and returns their names, those to be preloaded, and the files that are new.
func (p *project) addExtension(arg string, preload bool) (names, needed, stored []string, err error) {
	if e, ok := pack.Find(arg); ok {
		if len(e.Preload) > 0 {
			needed = []string{e.Name}
		}
		return []string{e.Name}, needed, nil, nil
	}
	files, err := readExtension(arg)
	if err == nil {
		stored, err = p.storeExtension(files)
	}
	var known *embeddedpg.Error
	if err != nil && !errors.As(err, &known) {
		err = &embeddedpg.Error{Op: "add the extension", Path: arg, Err: err, Hint: "nself ext list has the names of the pack; wasm/extension.sh builds a directory that can be added"}
	}
	if err != nil {
		return nil, nil, stored, err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if base, ok := strings.CutSuffix(name, ".control"); ok {
			names = append(names, base)
		} else if base, ok := strings.CutSuffix(name, ".so"); ok && preload {
			needed = append(needed, base)
		}
	}
	return names, needed, stored, nil
}

// readExtension returns the files of a directory, an archive or a module, which are those of extensions.
func readExtension(name string) (map[string][]byte, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, errors.New("it is neither an extension of the pack nor a file or directory")
	}
	if filepath.Ext(name) == ".so" && st.Mode().IsRegular() {
		b, err := os.ReadFile(name)
		return map[string][]byte{filepath.Base(name): b}, err
	}
	source := os.DirFS(name)
	if !st.IsDir() {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if source, err = zip.NewReader(bytes.NewReader(b), int64(len(b))); err != nil {
			return nil, errors.New("it is no module, no directory and no zip archive, or a damaged one")
		}
	}
	files := map[string][]byte{}
	err = fs.WalkDir(source, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !slices.Contains([]string{".so", ".control", ".sql"}, path.Ext(name)) {
			return err
		}
		if files[path.Base(name)] != nil {
			return fmt.Errorf("it has two files %s", path.Base(name))
		}
		files[path.Base(name)], err = fs.ReadFile(source, name)
		return err
	})
	if err == nil && len(files) == 0 {
		err = errors.New("no module, control or SQL file is in it")
	}
	return files, err
}

// storeExtension puts the files into the project, where none of their names may be taken, and returns those that it has put there.
func (p *project) storeExtension(files map[string][]byte) (stored []string, err error) {
	dir := p.extensionDir()
	for name, b := range files {
		if filepath.Ext(name) == ".so" {
			if err := programs.CheckSide(b); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return nil, &embeddedpg.Error{Op: "add the extension", Path: filepath.Join(dir, name), Err: errors.New("the project has one of this name"), Hint: "remove that one first: nself ext remove " + strings.TrimSuffix(name, filepath.Ext(name))}
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	// Modules and SQL first: an extension is there once its control file is.
	for _, ext := range []string{".so", ".sql", ".control"} {
		for name, b := range files {
			if filepath.Ext(name) == ext {
				file := filepath.Join(dir, name)
				if err := hostdir.Replace(file, b, 0o600); err != nil {
					return stored, err
				}
				stored = append(stored, file)
			}
		}
	}
	return stored, nil
}
