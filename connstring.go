package embeddedpg

import (
	"net/url"
	"strconv"
	"strings"
)

// ConnString returns a URL to connect to a database over the Unix socket, for libpq, pgx, lib/pq,
// node-postgres and others:
//
//	postgresql://user:password@/database?host=/directory&port=5432&sslmode=disable
//
// An empty name is Config.Database. The URL contains the password, if Start was given one or made one up
// for a new cluster.
func (s *Server) ConnString(database string) string {
	if database == "" {
		database = s.cfg.Database
	}
	user := url.User(s.cfg.Superuser)
	if s.cfg.Password != "" {
		user = url.UserPassword(s.cfg.Superuser, s.cfg.Password)
	}
	u := url.URL{
		Scheme:   "postgresql",
		User:     user,
		Path:     "/" + database,
		RawQuery: "host=" + escapePath(s.cfg.SocketDir) + "&port=" + strconv.Itoa(s.cfg.Port) + "&sslmode=disable",
	}
	return u.String()
}

// escapePath escapes a path for a query. libpq does not read + as a space there, and / needs no escape.
func escapePath(path string) string {
	return strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(path))
}
