package connect

import (
	"cmp"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Server is one database and who connects to it.
type Server struct {
	Host     string // directory of the Unix socket, or a host's name or address
	Port     int
	User     string
	Password string // "": none
	Database string
	SSLMode  string // libpq's; "": disable, for a server of this machine
}

// URL is the form that libpq, pgx, lib/pq and node-postgres all read. It contains the password.
//
//	postgresql://user:password@/database?host=/directory&port=5432&sslmode=disable
//	postgresql://user:password@127.0.0.1:5432/database?sslmode=disable
func (s Server) URL() string {
	user := url.User(s.User)
	if s.Password != "" {
		user = url.UserPassword(s.User, s.Password)
	}
	u := url.URL{Scheme: "postgresql", User: user, Path: "/" + s.Database}
	u.RawQuery = "sslmode=" + cmp.Or(s.SSLMode, "disable")
	if strings.HasPrefix(s.Host, "/") {
		u.RawQuery = "host=" + escapePath(s.Host) + "&port=" + strconv.Itoa(s.Port) + "&" + u.RawQuery
	} else {
		u.Host = net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	}
	return u.String()
}

// escapePath escapes a path for a query. libpq does not read + as a space there, and / needs no escape.
func escapePath(path string) string {
	return strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(path))
}

// Environment is libpq's, for a program that is to connect here whatever it inherits. An empty value takes
// a variable away: those are the ones that name another server, or require of a server what this one lacks.
// What a person sets for every session, such as PGOPTIONS or PGTZ, is not among them.
func (s Server) Environment() map[string]string {
	env := map[string]string{
		"PGHOST": s.Host, "PGPORT": strconv.Itoa(s.Port), "PGUSER": s.User, "PGDATABASE": s.Database, "PGPASSWORD": s.Password,
		"PGSSLMODE": cmp.Or(s.SSLMode, "disable"),
	}
	for _, name := range []string{
		"PGSERVICE", "PGHOSTADDR", "PGTARGETSESSIONATTRS", "PGLOADBALANCEHOSTS", "PGCHANNELBINDING", "PGREQUIREAUTH",
		"PGREQUIREPEER", "PGREQUIRESSL", "PGGSSENCMODE", "PGSSLNEGOTIATION", "PGSSLCERTMODE",
	} {
		env[name] = ""
	}
	return env
}
