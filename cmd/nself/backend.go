package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/compose"
	"nself.org/embeddedpg/cmd/nself/internal/docker"
)

// backend is the part of the project that is in Docker.
type backend struct {
	p      *project
	engine docker.Engine
}

// built reports whether the project has a part in Docker: nself build has written it.
func (p *project) built() bool {
	_, err := os.Stat(filepath.Join(p.Dir, compose.File))
	return err == nil
}

// docker finds the engine.
func (p *project) docker(ctx context.Context) (backend, error) {
	engine, err := docker.Find(ctx)
	return backend{p, engine}, err
}

// compose runs Docker Compose, whose own output goes to w.
func (b backend) compose(ctx context.Context, w io.Writer, args ...string) error {
	return b.run(ctx, w, w, args...)
}

func (b backend) run(ctx context.Context, stdout, stderr io.Writer, args ...string) error {
	argv := compose.Command(b.engine, b.p.Project, args...)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = b.p.Dir, stdout, stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &embeddedpg.Error{Op: "run docker compose", Path: args[0], Err: fmt.Errorf("it ended with exit code %d", exit.ExitCode()), Hint: "its message is above; see nself status and nself logs SERVICE"}
	}
	return err
}

// container is what docker compose ps says of a service.
type container struct {
	Service string `json:"Service"`
	State   string `json:"State"`  // running, exited, restarting ...
	Health  string `json:"Health"` // healthy, unhealthy, starting; "" without a check
	Status  string `json:"Status"` // for people: Up 3 minutes (healthy)
}

// healthy reports whether it runs, and passes its check if it has one.
func (c container) healthy() bool {
	return c.State == "running" && (c.Health == "" || c.Health == "healthy")
}

// starting reports whether it may yet become healthy.
func (c container) starting() bool {
	return c.State == "created" || c.State == "running" && c.Health == "starting"
}

// containers returns those of the project by service. Docker Compose prints one JSON object a line, or before 2.21
// an array of them.
func (b backend) containers(ctx context.Context) (map[string]container, error) {
	var out, messages bytes.Buffer
	if err := b.run(ctx, &out, &messages, "ps", "--all", "--format", "json"); err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(messages.String()))
	}
	found := map[string]container{}
	d := json.NewDecoder(&out)
	for {
		var raw json.RawMessage
		if err := d.Decode(&raw); errors.Is(err, io.EOF) {
			return found, nil
		} else if err != nil {
			return nil, fmt.Errorf("read what docker compose ps says: %w", err)
		}
		list := []json.RawMessage{raw}
		if len(raw) > 0 && raw[0] == '[' {
			if err := json.Unmarshal(raw, &list); err != nil {
				return nil, fmt.Errorf("read what docker compose ps says: %w", err)
			}
		}
		for _, one := range list {
			var c container
			if err := json.Unmarshal(one, &c); err != nil {
				return nil, fmt.Errorf("read what docker compose ps says: %w", err)
			}
			found[c.Service] = c
		}
	}
}

// checkService refuses the name of a service that the project does not have.
func (p *project) checkService(name string) error {
	names := p.services()
	if slices.Contains(names, name) {
		return nil
	}
	return &embeddedpg.Error{Op: "use the service", Path: name, Err: errors.New("there is no such service"), Hint: didYouMean(name, names, "use "+either(names))}
}
