package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/joho/godotenv"
	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/supervisor"
)

// defaultRuntime is the runtime directory of a project, unless NSELF_RUNTIME_DIR names another.
const defaultRuntime = ".nself/embedded-pg"

// project is the configuration that every command shares: the environment, then .env in the present
// directory, then defaults.
type project struct {
	embedded bool // --embedded-pg, or the same by NSELF_EMBEDDED_PG
	env      map[string]string
}

// load reads .env and the environment.
func (p *project) load() error {
	env, err := godotenv.Read(".env")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &embeddedpg.Error{Op: "read", Path: ".env", Err: err, Hint: "each line is NAME=value, or a comment that begins with #"}
	}
	p.env = map[string]string{}
	maps.Copy(p.env, env)
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		p.env[name] = value
	}
	if v := p.env["NSELF_EMBEDDED_PG"]; v != "" {
		on, err := strconv.ParseBool(v)
		if err != nil {
			return &embeddedpg.Error{Op: "use NSELF_EMBEDDED_PG", Err: fmt.Errorf("%q is neither true nor false", v), Hint: "set it to true or false"}
		}
		p.embedded = p.embedded || on
	}
	return nil
}

// runtime is the runtime directory.
func (p *project) runtime() string {
	if dir := p.env["NSELF_RUNTIME_DIR"]; dir != "" {
		return dir
	}
	return filepath.FromSlash(defaultRuntime)
}

// paths are the files of the runtime directory.
func (p *project) paths() (supervisor.Paths, error) {
	return supervisor.NewPaths(p.runtime(), false)
}

// options is what the project says of its database.
func (p *project) options() (supervisor.Options, error) {
	o := supervisor.Options{
		Runtime: p.runtime(), User: p.env["POSTGRES_USER"], Password: p.env["POSTGRES_PASSWORD"], Database: p.env["POSTGRES_DB"],
	}
	if v := p.env["POSTGRES_PORT"]; v != "" {
		port, err := strconv.Atoi(v)
		if err != nil || port < 1 || port > 65535 {
			return o, &embeddedpg.Error{Op: "use POSTGRES_PORT", Err: fmt.Errorf("%q is not a port number", v), Hint: "use 1 to 65535"}
		}
		o.Port = port
	}
	return o, nil
}
