//go:build linux

// Command program is every program of PostgreSQL at once, by the name under which it is called: postgres, initdb, psql
// and so on, as a package would install them, for PostgreSQL's own tests in perl. What runs is this project's modules on
// its kernel. Unlike anything that users get, its guests see the whole file system, its server listens where its own
// postgresql.conf says, and a guest may run the programs of the host (see hosted).
package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/programs"
	"nself.org/embeddedpg/internal/vfs"
)

// prefix is the guest's directory of PostgreSQL, and the host's of the programs.
const prefix = "/pgsql"

// versionFile has what Debian's programs say of their version: those beside ours (pg_ctl) run no other one.
const versionFile = prefix + "/lib/version"

// moduleFile is the server that runs in the place of the embedded one, if it is there.
const moduleFile = prefix + "/lib/postgres.wasm"

func main() {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if slices.Equal(args, []string{"-V"}) && os.Getenv(guestVariable) == "" {
		if text, err := os.ReadFile(versionFile); err == nil {
			fmt.Printf("%s %s", name, text)
			return
		}
	}
	if name == "pg_ctl" {
		err := ctl(args)
		if err != nil {
			fmt.Fprintf(os.Stderr, "pg_ctl: %v\n", err)
			os.Exit(1)
		}
		return
	}
	status, err := run(name, args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	if status.Signal != 0 {
		signal.Reset()
		_ = syscall.Kill(os.Getpid(), syscall.Signal(status.Signal))
		os.Exit(128 + status.Signal)
	}
	os.Exit(status.Code)
}

// passed are the signals that the guest gets when this program does; their numbers are Linux's, as the guest's are.
var passed = []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH}

// run runs a program to its end.
func run(name string, args []string) (kernel.Status, error) {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passed...)
	signal.Ignore(syscall.SIGPIPE)
	log := slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})
	server := name == "postgres" || name == "initdb"
	options := programs.Options{Server: server, Initdb: name == "initdb", Tools: !server, Log: log}
	if _, err := os.Stat(moduleFile); err == nil && server {
		if options.Override, err = programs.ReadServerModule(moduleFile); err != nil {
			return kernel.Status{}, err
		}
	}
	set, err := programs.Load(context.Background(), options)
	if err != nil {
		return kernel.Status{}, err
	}
	defer set.Close()
	dir, err := os.Getwd()
	if err != nil {
		return kernel.Status{}, err
	}
	sockets := &sockets{Host: vfs.NewHost()}
	data := ""
	if name == "postgres" {
		data = dataDirectory(args, dir)
		if !slices.Contains(args, "-C") {
			unlock, err := lock(data)
			if err != nil {
				return kernel.Status{}, err
			}
			defer unlock()
		}
	}
	tree, err := guestTree(sockets, data)
	if err != nil {
		return kernel.Status{}, err
	}
	k, err := kernel.New(kernel.Config{
		FS: tree, UID: os.Getuid(), Log: slog.New(log), HostPath: func(guest string) string { return guest }, Bound: sockets.bound,
		Program: func(path string) kernel.Module {
			if m := set.Program(path); m != nil {
				return m
			}
			return &hosted{}
		},
	})
	if err != nil {
		return kernel.Status{}, err
	}
	defer k.Close()
	sockets.push = k.Push
	if name == "postgres" {
		remove, err := serveSignals(k)
		if err != nil {
			return kernel.Status{}, err
		}
		defer remove()
	}
	p, err := k.Run(kernel.Command{
		Argv: append([]string{prefix + "/bin/" + name}, args...), Env: os.Environ(), Dir: dir,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
	})
	if err != nil {
		return kernel.Status{}, err
	}
	for {
		select {
		case s := <-signals:
			p.Signal(int(s.(syscall.Signal)))
		case <-p.Done():
			return p.Wait(), nil
		}
	}
}

// dataDirectory returns what a server's arguments and environment name as its data directory; "": none.
func dataDirectory(args []string, dir string) string {
	data := os.Getenv("PGDATA")
	for i, a := range args {
		switch {
		case a == "-D" && i+1 < len(args):
			data = args[i+1]
		case strings.HasPrefix(a, "-D"):
			data = a[2:]
		}
	}
	if data == "" || filepath.IsAbs(data) {
		return filepath.Clean(data)
	}
	return filepath.Join(dir, data)
}

// guestTree is the host's files with PostgreSQL's own at prefix, and where a server leaves its processes their parameters,
// which is in memory for users' servers too.
func guestTree(host vfs.FS, data string) (vfs.FS, error) {
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
	all := map[string]vfs.FS{"/": host, prefix: img, "/dev/shm": vfs.NewShm()}
	if filepath.IsAbs(data) {
		if real, err := filepath.EvalSymlinks(data); err == nil {
			data = real
		}
		all[filepath.Join(data, "pgsql_tmp")] = vfs.NewMem(vfs.MemOptions{})
	}
	return vfs.NewNamespace(all)
}
