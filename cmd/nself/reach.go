package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/supervisor"
	"nself.org/embeddedpg/internal/backup"
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

// running returns the state of the database if it runs.
func running(ctx context.Context, paths supervisor.Paths) (supervisor.State, error) {
	s, err := supervisor.Find(ctx, paths)
	if err == nil && s.Phase != supervisor.Ready {
		err = &embeddedpg.Error{Op: "connect to the database of", Path: paths.Runtime, Err: notRunning(s.Phase), Hint: "start it: nself start --embedded-pg --only postgres"}
	}
	return s, err
}

func notRunning(phase supervisor.Phase) error {
	if phase == supervisor.Stopped {
		return errors.New("it does not run")
	}
	return errors.New("it does not run: " + string(phase))
}

// environment is libpq's. An empty value takes a variable away.
func (d database) environment() map[string]string {
	return map[string]string{
		"PGHOST": d.host, "PGPORT": fmt.Sprint(d.port), "PGUSER": d.user, "PGDATABASE": d.name, "PGPASSWORD": d.password,
		"PGSSLMODE": cmp.Or(d.sslmode, "disable"), "PGSERVICE": "", "PGHOSTADDR": "",
	}
}

// url is the form that libpq, pgx, lib/pq and node-postgres all read. It contains the password.
func (d database) url() string {
	u := url.URL{Scheme: "postgresql", User: url.UserPassword(d.user, d.password), Path: "/" + d.name}
	if !strings.HasPrefix(d.host, "/") {
		u.Host, u.RawQuery = fmt.Sprintf("%s:%d", d.host, d.port), "sslmode="+cmp.Or(d.sslmode, "disable")
		return u.String()
	}
	// Not url.Values: libpq does not read + as a space.
	u.RawQuery = fmt.Sprintf("host=%s&port=%d&sslmode=disable", strings.ReplaceAll(url.PathEscape(d.host), "%2F", "/"), d.port)
	return u.String()
}

// shownURL is the URL without the password.
func shownURL(s supervisor.State) string {
	u, err := url.Parse(embedded(s, "").url())
	if err != nil { // url has just built it
		panic(err)
	}
	u.User = url.User(s.User)
	return u.String()
}

// checkListen refuses an address that is not this machine's own: the connection is not encrypted.
func checkListen(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err == nil && host == "localhost" {
		return nil
	}
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsLoopback() {
		return nil
	}
	if err == nil {
		err = errors.New("it is not a loopback address")
	}
	return &embeddedpg.Error{Op: "listen on", Path: address, Err: err, Hint: "use 127.0.0.1:PORT: connections are not encrypted, and others must not see them"}
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
	c, err := pgx.Connect(ctx, d.url())
	if err != nil {
		return nil, fmt.Errorf("connect to the database %s: %w", d.name, err)
	}
	return c, nil
}
