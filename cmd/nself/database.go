package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/supervisor"
)

// database is a running database and who connects to it.
type database struct {
	host     string // libpq's: a socket's directory, or an address
	port     int
	user     string
	password string
	name     string
}

// reach returns the project's running database.
func (p *project) reach(ctx context.Context) (database, error) {
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
	return database{s.SocketDir, s.Port, s.User, password, s.Database}
}

// running returns the state of the database if it runs.
func running(ctx context.Context, paths supervisor.Paths) (supervisor.State, error) {
	s, err := supervisor.Find(ctx, paths)
	if err == nil && s.Phase != supervisor.Ready {
		err = &embeddedpg.Error{Op: "connect to the database of", Path: paths.Runtime, Err: errors.New("it does not run: " + string(s.Phase)), Hint: "start it: nself start --embedded-pg --only postgres"}
	}
	return s, err
}

// connection is libpq's environment for the database.
func connection(s supervisor.State, password string) map[string]string {
	return embedded(s, password).environment()
}

// environment is libpq's. An empty value takes a variable away.
func (d database) environment() map[string]string {
	return map[string]string{
		"PGHOST": d.host, "PGPORT": fmt.Sprint(d.port), "PGUSER": d.user, "PGDATABASE": d.name, "PGPASSWORD": d.password,
		"PGSSLMODE": "disable", "PGSERVICE": "", "PGHOSTADDR": "",
	}
}

// url is the form that libpq, pgx, lib/pq and node-postgres all read. It contains the password.
func (d database) url() string {
	u := url.URL{Scheme: "postgresql", User: url.UserPassword(d.user, d.password), Path: "/" + d.name}
	if !strings.HasPrefix(d.host, "/") {
		u.Host, u.RawQuery = fmt.Sprintf("%s:%d", d.host, d.port), "sslmode=disable"
		return u.String()
	}
	// Not url.Values: libpq does not read + as a space.
	u.RawQuery = fmt.Sprintf("host=%s&port=%d&sslmode=disable", strings.ReplaceAll(url.PathEscape(d.host), "%2F", "/"), d.port)
	return u.String()
}

// in is another database of the same server.
func (d database) in(name string) database {
	d.name = name
	return d
}

// connect connects as the superuser.
func (d database) connect(ctx context.Context) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, err
	}
	cfg.Host, cfg.Port, cfg.User, cfg.Password, cfg.Database = d.host, uint16(d.port), d.user, d.password, d.name
	cfg.Fallbacks = nil
	return pgx.ConnectConfig(ctx, cfg)
}
