package embeddedpg

import "nself.org/embeddedpg/internal/connect"

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
	return connect.Server{
		Host: s.cfg.SocketDir, Port: s.cfg.Port, User: s.cfg.Superuser, Password: s.cfg.Password, Database: database,
	}.URL()
}
