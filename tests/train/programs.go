package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"

	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/kernel"
	"nself.org/embeddedpg/internal/programs"
	"nself.org/embeddedpg/internal/vfs"
)

// programRunner runs programs as internal/pgclient does, but all with one engine, so that the
// counters stay in memory to the end.
type programRunner struct {
	engine *programs.Set
	files  vfs.FS
}

const prefix = "/pgsql"

func newProgramRunner(ctx context.Context) (*programRunner, error) {
	files, err := image.FS()
	if err != nil {
		return nil, err
	}
	sub, err := fs.Sub(files, prefix[1:])
	if err != nil {
		return nil, err
	}
	img, err := vfs.NewImage(sub)
	if err != nil {
		return nil, err
	}
	root, err := vfs.NewNamespace(map[string]vfs.FS{"/": vfs.NewHost(), prefix: img})
	if err != nil {
		return nil, err
	}
	e, err := programs.Load(ctx, programs.Options{Server: true, Initdb: true, Tools: true})
	if err != nil {
		return nil, err
	}
	return &programRunner{e, root}, nil
}

// run returns the program's exit code.
func (r *programRunner) run(ctx context.Context, stdin, out *os.File, env map[string]string, name string, args []string) (int, error) {
	k, err := kernel.New(kernel.Config{FS: r.files, Program: r.engine.Program, HostPath: func(guest string) string { return guest }})
	if err != nil {
		return 0, err
	}
	defer k.Close()
	dir, err := os.Getwd()
	if err != nil {
		return 0, err
	}
	list := []string{"LC_ALL=C", "PATH=" + prefix + "/bin"}
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	p, err := k.Run(kernel.Command{
		Argv: append([]string{prefix + "/bin/" + name}, args...), Env: list, Dir: dir, Stdin: stdin, Stdout: out, Stderr: out,
	})
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", name, err)
	}
	select {
	case <-p.Done():
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	status := p.Wait()
	if status.Signal != 0 {
		return 128 + status.Signal, nil
	}
	return status.Code, nil
}
