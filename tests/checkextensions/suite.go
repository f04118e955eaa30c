package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"nself.org/embeddedpg/internal/image"
)

// suite is what a module's makefile says about it and its tests, and what came of them.
type suite struct {
	name       string // of its folder
	dir        string
	extensions []string
	modules    []string
	regress    []string
	isolation  []string
	options    []string // REGRESS_OPTS

	isolationOptions []string // ISOLATION_OPTS

	more map[string]string // settings that it needs besides

	failed []string
}

func (s *suite) tests() int { return len(s.regress) + len(s.isolation) }

// built tells whether the server has the module.
func (s *suite) built(extensions []extension) bool {
	for _, x := range extensions {
		if slices.Contains(s.extensions, x.name) {
			return true
		}
	}
	for _, m := range s.modules {
		if slices.Contains(image.Modules, m) {
			return true
		}
	}
	return false
}

// suiteDirs lists the folders that hold modules, below a source tree.
func suiteDirs(source string) ([]string, error) {
	makefiles, err := filepath.Glob(filepath.Join(source, "contrib/*/Makefile"))
	if err != nil {
		return nil, err
	}
	dirs := []string{filepath.Join(source, "src/pl/plpgsql/src")}
	for _, m := range makefiles {
		dirs = append(dirs, filepath.Dir(m))
	}
	return dirs, nil
}

// read asks make for the variables of a module's makefile.
func (e *environment) read(dir string) (*suite, error) {
	s := &suite{name: filepath.Base(dir), dir: dir}
	if s.name == "src" { // PL/pgSQL's is not one for PGXS
		s.name = "plpgsql"
		s.extensions = []string{"plpgsql"}
		tests, err := filepath.Glob(filepath.Join(dir, "sql/*.sql"))
		if err != nil {
			return nil, err
		}
		for _, t := range tests {
			s.regress = append(s.regress, strings.TrimSuffix(filepath.Base(t), ".sql"))
		}
		return s, nil
	}
	place, remove, err := e.visible(dir)
	if err != nil {
		return nil, err
	}
	defer remove()
	variables := []string{"EXTENSION", "MODULES", "MODULE_big", "REGRESS", "ISOLATION", "REGRESS_OPTS", "ISOLATION_OPTS"}
	print := "checkextensions:\n"
	for _, v := range variables {
		print += fmt.Sprintf("\t@echo '%s=$(%s)'\n", v, v)
	}
	out, err := exec.Command("chroot", e.root, "make", "-s", "-C", place, "USE_PGXS=1",
		"PG_CONFIG=/usr/lib/postgresql/18/bin/pg_config", "--eval="+print, "checkextensions").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ask the makefile of %s: %w: %s", s.name, err, out)
	}
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		words := strings.Fields(value)
		switch name {
		case "EXTENSION":
			s.extensions = words
		case "MODULES", "MODULE_big":
			s.modules = append(s.modules, words...)
		case "REGRESS":
			s.regress = words
		case "ISOLATION":
			s.isolation = words
		case "ISOLATION_OPTS":
			s.isolationOptions = words
		case "REGRESS_OPTS":
			s.options = words
		}
	}
	return s, nil
}

// settings are those of a suite's --temp-config file, which its tests need the server to have.
func (s *suite) settings() (map[string]string, error) {
	set := map[string]string{}
	for i, o := range s.options {
		if o != "--temp-config" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(s.dir, filepath.Base(s.options[i+1])))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
				set[strings.TrimSpace(name)] = strings.Trim(strings.TrimSpace(value), "'")
			}
		}
	}
	maps.Copy(set, s.more)
	for name, value := range extraSettings[s.name] {
		set[name] = value
	}
	return set, nil
}
