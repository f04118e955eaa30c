package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/connect"
)

// database is a running database and who connects to it.
type database struct {
	host     string // libpq's: a socket's directory, or an address
	port     int
	user     string
	password string
	name     string
	sslmode  string // libpq's; "": disable, for this machine
}

// reach returns the project's running database.
func (p *project) reach(ctx context.Context) (database, error) {
	if !p.Embedded && p.built() {
		d, err := p.Database()
		return database{host: "127.0.0.1", port: d.Port, user: d.User, password: d.Password, name: d.Name}, err
	}
	paths, err := p.paths()
	if err != nil {
		return database{}, err
	}
	state, err := running(ctx, paths)
	var e *embeddedpg.Error
	if p.beside() && errors.As(err, &e) {
		e.Hint = strings.Replace(e.Hint, "nself ", "nself --branch "+p.branch+" ", 1)
	}
	if err != nil {
		return database{}, err
	}
	password, err := paths.Password()
	return embedded(state, password), err
}

// embedded is the database of a supervisor.
func embedded(s supervisor.State, password string) database {
	return database{host: s.SocketDir, port: s.Port, user: s.User, password: password, name: s.Database}
}

// tcpDatabase is the database of a supervisor by its TCP address.
func tcpDatabase(s supervisor.State, password string) database {
	d := embedded(s, password)
	if host, port, err := net.SplitHostPort(s.Listen); err == nil {
		d.host = host
		d.port, _ = strconv.Atoi(port) // a number: a socket has it
	}
	return d
}

// running returns the state of the database if it runs.
func running(ctx context.Context, paths supervisor.Paths) (supervisor.State, error) {
	s, err := supervisor.Find(ctx, paths)
	if err == nil && s.Phase != supervisor.Ready {
		e := &embeddedpg.Error{Op: "connect to the database of", Path: paths.Runtime, Err: notRunning(s), Hint: "start it: nself start --embedded-pg --only postgres"}
		if s.Phase == supervisor.Starting || s.Phase == supervisor.Restarting {
			e.Hint = "wait until it does: nself health --wait 60s"
		}
		err = e
	}
	return s, err
}

func notRunning(s supervisor.State) error {
	switch {
	case s.Phase == supervisor.Stopped:
		return errors.New("it is not running")
	case s.Phase == supervisor.Restarting && s.LastCrash != nil:
		return errors.New("it is started again, after a crash: " + s.LastCrash.Reason)
	case s.Failure != "":
		return fmt.Errorf("it is %s: %s", s.Phase, s.Failure)
	}
	return errors.New("it is " + string(s.Phase))
}

// server is how its clients reach it.
func (d database) server() connect.Server {
	return connect.Server{Host: d.host, Port: d.port, User: d.user, Password: d.password, Database: d.name, SSLMode: d.sslmode}
}

// shownURL is the URL without the password.
func shownURL(s supervisor.State) string {
	return embedded(s, "").server().URL()
}

// in is another database of the same server.
func (d database) in(name string) database {
	d.name = name
	return d
}

// target is how package backup reaches its server.
func (d database) target() backup.Target {
	return backup.Target{Host: d.host, Port: d.port, User: d.user, Password: d.password, SSLMode: d.sslmode}
}

// connect connects as the superuser.
func (d database) connect(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := d.config()
	if err != nil {
		return nil, err
	}
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, plainConnect(d.name, err)
	}
	return c, nil
}
