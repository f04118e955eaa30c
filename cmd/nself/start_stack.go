package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/compose"
	"nself.org/embeddedpg/cmd/nself/internal/docker"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/fault"
)

// startStack starts the database, embedded or in Docker, and the services in Docker, or with --only postgres
// the database in Docker alone.
func (p *project) startStack(cmd *cobra.Command, o startOptions) error {
	if o.foreground || o.listen != "" || o.metrics != "" && !p.Embedded {
		return &embeddedpg.Error{Op: "start", Err: errors.New("--foreground, --listen and --metrics are for the embedded database"), Hint: "add --embedded-pg"}
	}
	ctx := cmd.Context()
	stdout, stderr := o.outputs(cmd)
	b, err := p.docker(ctx) // before anything is changed
	if err != nil {
		return err
	}
	if err := p.initialize(cmd); err != nil {
		return err
	}
	if err := p.Check(); err != nil {
		return err
	}
	running, err := b.runningContainers(ctx)
	if err != nil {
		return err
	}
	if !o.skipPorts {
		if err := p.checkPorts(running); err != nil {
			return err
		}
	}
	route, err := b.route()
	if err != nil {
		return err
	}
	if !o.skipBuild || !p.built() {
		fmt.Fprintln(stderr, "Writing docker-compose.yml, Nginx's configuration and certificates ...")
		if _, _, err := b.build(); err != nil {
			return err
		}
	}
	var state *supervisor.State
	if p.Embedded {
		if state, err = b.startEmbedded(ctx, route, o, stdout, stderr, o.ask(cmd)); err != nil {
			return err
		}
	}
	if err := b.up(ctx, o, stderr); err != nil {
		return err
	}
	p.remember(cmd, o, stderr)
	if o.only != "" {
		fmt.Fprintln(stdout, "PostgreSQL is ready.")
		return nil
	}
	fmt.Fprintln(stdout, "The backend runs.")
	printURLs(stdout, p.urls(state))
	return nil
}

// startEmbedded starts the embedded database for clients in containers, and makes what they expect in it.
func (b backend) startEmbedded(ctx context.Context, route docker.Route, o startOptions, stdout, stderr io.Writer, ask ask) (*supervisor.State, error) {
	so, err := b.p.options()
	if err != nil {
		return nil, err
	}
	so.Shared, so.Listen = route.Kind == docker.Socket, route.Listen
	if err := b.p.metrics(&so, o.metrics); err != nil {
		return nil, err
	}
	if err := b.p.settle(ctx, stderr); err != nil {
		return nil, err
	}
	paths, state, err := startBackground(ctx, so, o.wait(), stdout, stderr, ask)
	if err != nil {
		return nil, err
	}
	if o.skipInit {
		return &state, nil
	}
	password, err := paths.Password()
	if err != nil {
		return nil, err
	}
	return &state, embedded(state, password).bootstrap(ctx, compose.Bootstrap())
}

// up has Docker Compose start the containers, and waits until they are healthy.
func (b backend) up(ctx context.Context, o startOptions, progress io.Writer) error {
	args := []string{"up", "--detach", "--remove-orphans"}
	if o.fresh {
		args = append(args, "--force-recreate")
	}
	if !o.skipHealth {
		args = append(args, "--wait", "--wait-timeout", strconv.Itoa(o.timeout))
	}
	if o.only != "" {
		args = append(args, o.only)
	}
	err := b.compose(ctx, progress, args...)
	var e *fault.Error
	if errors.As(err, &e) && !o.skipHealth {
		e.Op, e.Path = "start the services", ""
		e.Hint = "its message is above; nself status says which service, and nself logs SERVICE why. Pulling images for the first time takes a while: nself start --timeout 600"
	}
	return err
}

// runningContainers are those that are there already; none before the first build.
func (b backend) runningContainers(ctx context.Context) (map[string]container, error) {
	if !b.p.built() {
		return nil, nil
	}
	return b.containers(ctx)
}

// checkPorts says which of the services' ports other programs have.
func (p *project) checkPorts(running map[string]container) error {
	var errs []error
	for _, port := range compose.Ports(p.Project) {
		if running[port.Service].State == "running" {
			continue
		}
		if err := portFree(port); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// portFree tries to listen on a port. A port that needs privileges is Docker's to open.
func portFree(port compose.Port) error {
	address := net.JoinHostPort(port.IP, strconv.Itoa(port.Port))
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return &embeddedpg.Error{
			Op: "open the port of " + port.Service, Path: address, Err: errors.New("another program is using it"),
			Hint: fmt.Sprintf("stop that program, or set %s to another port in .env", port.Variable),
		}
	}
	if err == nil {
		l.Close()
	}
	return nil
}
