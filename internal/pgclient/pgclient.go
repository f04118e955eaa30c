// Package pgclient runs PostgreSQL's client programs, psql and its like, with the host's files,
// environment and terminal, as if they were installed. It is no sandbox.
package pgclient

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"nself.org/embeddedpg/internal/abi"
	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/programs"
	"nself.org/embeddedpg/internal/vfs"
)

// prefix is the guest's directory of PostgreSQL; a host directory of that name is not seen.
const prefix = "/pgsql"

// Command is one run of a program. Its working directory is the host program's.
type Command struct {
	Name     string              // such as psql
	Args     []string            // without the name
	Env      map[string]string   // on top of the host program's environment; an empty value takes a variable away
	Library  bool                // run for the host program and not for a person: no signals are passed on, and no PG* variable
	CacheDir string              // of compiled code; "": the default
	Compile  func(time.Duration) // called several times a second while the programs are compiled, with the time taken so far; may be nil
	Compiled func()              // called before the program runs, if Compile was; may be nil
	Input    string              // absolute path of a file or directory, of which Read counts the bytes read; "": none
	Read     *atomic.Int64
	Stdin    *os.File
	Stdout   *os.File
	Stderr   *os.File
}

// forwarded are the signals that the program gets when the host program does.
var forwarded = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP}

// Run runs the program to its end and returns its exit code: 128 and the signal's number if one killed
// it, as a shell has it. If ctx ends while the programs are compiled, Run returns its error. Later a Library's program is
// killed; one that a person runs gets the signals, and decides for itself what they mean.
func Run(ctx context.Context, c Command) (int, error) {
	signals := make(chan os.Signal, 8)
	if !c.Library {
		signal.Notify(signals, forwarded...)
		defer signal.Stop(signals)
	}
	alone := c.Name == "initdb" // a module of its own, which runs the server
	compiling := false
	e, err := programs.Load(ctx, programs.Options{CacheDir: c.CacheDir, Server: alone, Initdb: alone, Tools: !alone, Compile: func(elapsed time.Duration) {
		if compiling = true; c.Compile != nil {
			c.Compile(elapsed)
		}
	}})
	if compiling && c.Compiled != nil {
		c.Compiled()
	}
	if err != nil {
		return 0, err
	}
	defer e.Close()
	root, err := c.tree()
	if err != nil {
		return 0, err
	}
	k, err := kernel.New(kernel.Config{
		FS: root, Program: e.Program,
		HostPath: func(guest string) string { return guest },
	})
	if err != nil {
		return 0, err
	}
	defer k.Close()
	dir, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if !c.Library {
		ctx = context.WithoutCancel(ctx)
	}
	p, err := k.Run(kernel.Command{
		Argv: append([]string{prefix + "/bin/" + c.Name}, c.Args...), Env: c.environment(), Dir: dir,
		Stdin: c.Stdin, Stdout: c.Stdout, Stderr: c.Stderr,
	})
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", c.Name, err)
	}
	for {
		select {
		case s := <-signals:
			if n, ok := linuxSignal[s]; ok {
				p.Signal(n)
			}
		case <-ctx.Done():
			p.Signal(abi.SIGKILL)
			p.Wait()
			return 0, ctx.Err()
		case <-p.Done():
			status := p.Wait()
			if status.Signal != 0 {
				return 128 + status.Signal, nil
			}
			return status.Code, nil
		}
	}
}

// linuxSignal are the guest's numbers.
var linuxSignal = map[os.Signal]int{syscall.SIGHUP: 1, syscall.SIGINT: 2, syscall.SIGQUIT: 3, syscall.SIGTERM: 15}

// tree is the host's files with PostgreSQL's own at prefix.
func (c *Command) tree() (vfs.FS, error) {
	files, err := image.FS()
	if err != nil {
		return nil, err
	}
	sub, err := fs.Sub(files, strings.TrimPrefix(prefix, "/"))
	if err != nil {
		return nil, err
	}
	img, err := vfs.NewImage(sub)
	if err != nil {
		return nil, err
	}
	host := vfs.FS(vfs.NewHost())
	if c.Input != "" {
		host = reading{vfs.NewHost(), c.Input, c.Read}
	}
	return vfs.NewNamespace(map[string]vfs.FS{"/": host, prefix: img})
}

// sealedOff reports whether a variable is libpq's or one of its programs'. What TLS to a server elsewhere needs is a
// person's to say.
func (c *Command) sealedOff(name string) bool {
	if mode := c.Env["PGSSLMODE"]; mode != "" && mode != "disable" && strings.HasPrefix(name, "PGSSL") {
		return false
	}
	return strings.HasPrefix(name, "PG")
}

// environment is the host program's with changes. A pager cannot be started: the guest has no programs but
// its own.
func (c *Command) environment() []string {
	var env []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		switch _, changed := c.Env[name]; {
		case changed, name == "PAGER", name == "PSQL_PAGER":
		case c.Library && (c.sealedOff(name) || name == "LC_ALL" || name == "LANG"):
		default:
			env = append(env, e)
		}
	}
	if c.Library {
		env = append(env, "LC_ALL=C") // its messages are read
	}
	for name, value := range c.Env {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	return append(env, "PSQL_PAGER=")
}
