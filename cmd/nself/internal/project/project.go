package project

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"nself.org/embeddedpg/internal/fault"
)

// Project is one directory's configuration. It is read-only after Load and SetEmbedded.
type Project struct {
	Dir          string   // absolute
	Name         string   // PROJECT_NAME, or made from the directory's name; the prefix of container names
	Env          string   // dev, staging or prod
	Embedded     bool     // the database runs inside nself: NSELF_EMBEDDED_PG, or --embedded-pg
	Runtime      string   // absolute; the embedded database's directory
	ServerModule string   // absolute path of a postgres.wasm in place of the built-in one: PGLITE_WASM_PATH; "" is none
	Files        []string // the .env files that were read, in the order of the cascade

	vars map[string]string
}

// defaultRuntime is the runtime directory, unless NSELF_RUNTIME_DIR names another.
const defaultRuntime = ".nself/embedded-pg"

// Load reads the .env files of dir: .env, .env.ENV, .env.secrets and .env.local, of which the last that sets a
// variable wins, and environ (NAME=value entries, as os.Environ has them) wins over all. ENV itself is the
// environment's, then .env's, then dev. Names and secrets are not checked yet: see Check and Database.
func Load(dir string, environ []string) (*Project, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	p := &Project{Dir: dir, vars: map[string]string{}}
	process := environment(environ)
	find := func(name string) (string, bool) {
		if v, ok := process[name]; ok {
			return v, true
		}
		v, ok := p.vars[name]
		return v, ok
	}
	read := func(name string) error {
		values, err := readFile(filepath.Join(dir, name), name, find)
		if err == nil && values != nil {
			p.Files = append(p.Files, name)
			maps.Copy(p.vars, values)
		}
		return err
	}
	if err := read(".env"); err != nil {
		return nil, err
	}
	p.Env = "dev"
	if v, _ := find("ENV"); v != "" {
		p.Env = v
	}
	if !slices.Contains(environments, p.Env) {
		return nil, &fault.Error{Op: "use ENV", Err: fmt.Errorf("%q is not dev, staging or prod", p.Env), Hint: "set ENV to one of them"}
	}
	for _, name := range []string{".env." + p.Env, ".env.secrets", ".env.local"} {
		if err := read(name); err != nil {
			return nil, err
		}
	}
	maps.Copy(p.vars, process)
	return p, p.complete()
}

var environments = []string{"dev", "staging", "prod"}

// complete fills in the fields.
func (p *Project) complete() (err error) {
	if p.Embedded, err = p.boolean("NSELF_EMBEDDED_PG"); err != nil {
		return err
	}
	p.Runtime = p.path(cmp.Or(p.vars["NSELF_RUNTIME_DIR"], filepath.FromSlash(defaultRuntime)))
	if v := p.vars["PGLITE_WASM_PATH"]; v != "" {
		p.ServerModule = p.path(v)
	}
	p.Name = cmp.Or(p.vars["PROJECT_NAME"], projectName(filepath.Base(p.Dir)))
	return nil
}

// path makes a path of a variable absolute: it is relative to the project.
func (p *Project) path(v string) string {
	if filepath.IsAbs(v) {
		return filepath.Clean(v)
	}
	return filepath.Join(p.Dir, v)
}

// boolean is a variable that is true or false; unset is false.
func (p *Project) boolean(name string) (bool, error) {
	v := p.Get(name)
	if v == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(v)
	if err != nil {
		return false, &fault.Error{Op: "use " + name, Err: fmt.Errorf("%q is neither true nor false", v), Hint: "set it to true or false"}
	}
	return on, nil
}

// SetEmbedded is what --embedded-pg says; it wins over NSELF_EMBEDDED_PG.
func (p *Project) SetEmbedded(on bool) { p.Embedded = on }

// Get returns a variable's value, or nself's default, or "". Set but empty counts as not set.
func (p *Project) Get(name string) string { return cmp.Or(p.vars[name], defaults[name]) }

// Vars returns a copy of all variables without defaults: the .env files' and the process's.
func (p *Project) Vars() map[string]string { return maps.Clone(p.vars) }

// Initialized reports whether there is a .env.
func (p *Project) Initialized() bool { return slices.Contains(p.Files, ".env") }

// LooseFiles returns the .env files that others than their owner can read.
func (p *Project) LooseFiles() ([]string, error) {
	var loose []string
	for _, name := range p.Files {
		st, err := os.Stat(filepath.Join(p.Dir, name))
		if err != nil {
			return loose, err
		}
		if st.Mode().Perm()&0o077 != 0 {
			loose = append(loose, name)
		}
	}
	return loose, nil
}

// Port returns a variable that is a TCP port.
func (p *Project) Port(name string) (int, error) {
	v := p.Get(name)
	port, err := strconv.Atoi(v)
	if err != nil || port < 1 || port > 65535 {
		return 0, &fault.Error{Op: "use " + name, Err: fmt.Errorf("%q is not a port number", v), Hint: "use 1 to 65535"}
	}
	return port, nil
}

// errShort is why a secret is refused.
var errShort = errors.New("too short")
