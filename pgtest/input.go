package pgtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"nself.org/embeddedpg/internal/migrate"
)

// Input says what a function of [Migrate] depends on.
type Input struct {
	id     string
	binary bool // this test binary
	err    error
}

// Binary is the code of this test binary, whatever it does: for a function that has other inputs, and code of its own that
// matters.
func Binary() Input { return Input{id: "binary", binary: true} }

// Version is a text that you change whenever the function does something else.
func Version(version string) Input { return Input{id: "version " + version} }

// Files are the files that the function reads: those that match one of the patterns of fs.Glob, or without patterns all files
// in the file system.
func Files(files fs.FS, patterns ...string) Input {
	var names []string
	var err error
	if len(patterns) > 0 {
		names, err = glob(files, patterns)
	} else {
		err = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				names = append(names, name)
			}
			return err
		})
	}
	var id string
	if err == nil {
		id, err = contents(files, names)
	}
	if err != nil {
		err = fmt.Errorf("pgtest.Files: %w", err)
	}
	return Input{id: "files " + id, err: err}
}

// glob returns the names of the files that match one of the patterns, sorted.
func glob(files fs.FS, patterns []string) ([]string, error) {
	names := map[string]bool{}
	for _, p := range patterns {
		found, err := fs.Glob(files, p)
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("no file matches %s; there are %s", p, strings.Join(below(files), ", "))
		}
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// contents returns a text that is the same for the same files only, and for the same sums of atlas beside them.
func contents(files fs.FS, names []string) (string, error) {
	h := sha256.New()
	sums := map[string]bool{}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q %d\n%s", name, len(text), text)
		sums[path.Join(path.Dir(name), migrate.AtlasSum)] = true
	}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		if text, err := fs.ReadFile(files, name); err == nil {
			fmt.Fprintf(h, "%q %d\n%s", name, len(text), text)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// below lists some of the files, for an error: with go:embed the pattern needs the directory's name.
func below(files fs.FS) []string {
	var names []string
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, name)
		}
		if len(names) == 5 {
			names = append(names, "...")
			return fs.SkipAll
		}
		return nil
	})
	if names == nil {
		return []string{"none at all"}
	}
	return names
}
