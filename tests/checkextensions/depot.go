package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"nself.org/embeddedpg/extensions/pack"
	"nself.org/embeddedpg/extensions/recipes"
)

// outcome is what came of one recipe of the depot.
type outcome struct {
	recipe *recipes.Recipe
	suite  *suite
	tap    int             // assertions of its pgTAP files
	bad    []string        // of tests and assertions
	failed map[string]bool // extensions that cannot be created
}

// depot tests the extensions that extensions/build.sh has built into a folder, those of these names or all.
func (e *environment) depot(ctx context.Context, folder, built string, names []string) (list []*outcome, err error) {
	all, err := recipes.ReadAll(folder)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if dir := filepath.Join(built, "modules", r.Name); exists(dir) {
			e.dirs = append(e.dirs, dir)
		}
	}
	others := e.dirs
	for _, r := range all {
		own := filepath.Join(built, "modules", r.Name)
		if len(names) > 0 && !slices.Contains(names, r.Name) || !slices.Contains(others, own) {
			continue
		}
		e.dirs = append([]string{own}, slices.DeleteFunc(slices.Clone(others), func(d string) bool { return d == own })...)
		o, err := e.try(ctx, r, own, filepath.Join(built, "source", r.Name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		fmt.Printf("%-24s created %d of %d, tests %s %s\n", r.Name, len(o.suite.extensions)-len(o.failed), len(o.suite.extensions), o.count(), strings.Join(o.bad, " "))
		list = append(list, o)
	}
	return list, nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// try creates a recipe's extensions, and runs its tests.
func (e *environment) try(ctx context.Context, r *recipes.Recipe, modules, source string) (*outcome, error) {
	o := &outcome{recipe: r, failed: map[string]bool{}, suite: &suite{name: r.Name, dir: source}}
	settings := pack.Settings("postgres", r.Preload...)
	maps.Copy(settings, r.Settings)
	for name, value := range settings {
		settings[name] = strings.ReplaceAll(value, "$database", "contrib_regression")
	}
	maps.Copy(settings, r.Temp)
	if r.Untried == "" && len(r.TAP) == 0 {
		s, err := e.read(filepath.Join(source, r.Folder))
		if err != nil {
			return nil, err
		}
		o.suite = s
		s.name = r.Name
		o.arrange(settings)
	}
	controls, err := filepath.Glob(filepath.Join(modules, "*.control"))
	if err != nil {
		return nil, err
	}
	o.suite.extensions = nil
	for _, c := range controls {
		o.suite.extensions = append(o.suite.extensions, strings.TrimSuffix(filepath.Base(c), ".control"))
	}
	if err := e.serve(ctx, settings, io.Discard, func() error { return e.createOnce(o) }); err != nil {
		return nil, err
	}
	if len(r.TAP) > 0 {
		return o, e.serve(ctx, settings, io.Discard, func() error { return e.runTAP(o, source) })
	}
	if err := e.run(ctx, o.suite); err != nil {
		return nil, err
	}
	o.bad = o.suite.failed
	return o, nil
}

// arrange has the suite run what the recipe says.
func (o *outcome) arrange(settings map[string]string) {
	r, s := o.recipe, o.suite
	if r.Tests != nil {
		s.regress = r.Tests
	}
	skipped := func(test string) bool { return r.Skipped[test] != "" }
	s.regress, s.isolation = slices.DeleteFunc(s.regress, skipped), slices.DeleteFunc(s.isolation, skipped)
	if r.Input != "" {
		s.options = append(s.options, "--inputdir="+r.Input)
	}
	for _, name := range r.Load {
		s.options = append(s.options, "--load-extension="+name)
	}
	s.more = settings
}

// createOnce creates each extension in a database of its own.
func (e *environment) createOnce(o *outcome) error {
	for _, name := range o.suite.extensions {
		out, err := e.inRoot("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "postgres",
			"-c", "DROP DATABASE IF EXISTS contrib_regression", "-c", "CREATE DATABASE contrib_regression", "-c", `\c contrib_regression`,
			"-c", fmt.Sprintf(`CREATE EXTENSION "%s" CASCADE`, name)).CombinedOutput()
		if err != nil {
			o.failed[name] = true
			fmt.Printf("CREATE EXTENSION %s: %s\n", name, bytes.TrimSpace(out))
		}
	}
	return nil
}

var assertion = regexp.MustCompile(`(?m)^(ok|not ok) \d+(.*)$`)

// runTAP runs files of pgTAP's tests, each in a database of its own.
func (e *environment) runTAP(o *outcome, source string) error {
	place, remove, err := e.visible(source)
	if err != nil {
		return err
	}
	defer remove()
	for _, pattern := range o.recipe.TAP {
		files, err := filepath.Glob(filepath.Join(source, pattern))
		if err != nil {
			return err
		}
		for _, f := range files {
			name := strings.TrimSuffix(filepath.Base(f), ".sql")
			if o.recipe.Skipped[name] != "" {
				continue
			}
			inside, err := filepath.Rel(source, f)
			if err != nil {
				return err
			}
			cmd := e.inRootAt(place, "psql", "-XAtq", "-d", "postgres", "-c", "DROP DATABASE IF EXISTS tap", "-c", "CREATE DATABASE tap", "-c", `\c tap`,
				"-c", o.recipe.Before, "-f", inside)
			out, _ := cmd.CombinedOutput() // the report says it better
			found := assertion.FindAllStringSubmatch(string(out), -1)
			if len(found) == 0 {
				o.tap++
				o.bad = append(o.bad, name)
				fmt.Printf("%s: %s\n", name, out)
			}
			for _, m := range found {
				o.tap++
				if m[1] != "ok" && !strings.Contains(m[2], "# TODO") {
					o.bad = append(o.bad, name)
				}
			}
		}
	}
	return nil
}

// count says how many tests passed.
func (o *outcome) count() string {
	n := o.suite.tests() + o.tap
	if n == 0 {
		return "none"
	}
	return fmt.Sprintf("%d of %d", n-len(o.bad), n)
}

// wrong lists what is not as the recipe says.
func (o *outcome) wrong() (list []string) {
	for name := range o.failed {
		list = append(list, o.recipe.Name+": CREATE EXTENSION "+name)
	}
	for _, test := range o.bad {
		if o.recipe.Failing[test] == "" {
			list = append(list, o.recipe.Name+": "+test+" fails")
		}
	}
	for test := range o.recipe.Failing {
		if !slices.Contains(o.bad, test) {
			list = append(list, o.recipe.Name+": "+test+" is said to fail, and passes")
		}
	}
	return list
}
