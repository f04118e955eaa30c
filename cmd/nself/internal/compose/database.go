package compose

import (
	"fmt"
	"net"
	"net/url"
	"strconv"

	"nself.org/embeddedpg/cmd/nself/internal/docker"
	"nself.org/embeddedpg/cmd/nself/internal/project"
	"nself.org/embeddedpg/extensions/pack"
	"nself.org/embeddedpg/internal/fault"
)

// mountedSocketDir is where containers have the database's socket directory. The directory is mounted and not
// the socket: a socket that was made anew is another file, and a mount of the old one would refuse for ever.
const mountedSocketDir = "/run/nself"

// databaseURL is the one form that Hasura (libpq), Auth (pgx and lib/pq) and node-postgres all read. Auth appends a
// broken sslmode where there is none.
func databaseURL(d project.Database, r docker.Route) string {
	u := url.URL{Scheme: "postgresql", User: url.UserPassword(d.User, d.Password), Path: "/" + d.Name}
	switch r.Kind {
	case docker.Socket:
		u.RawQuery = fmt.Sprintf("host=%s&port=%d&sslmode=disable", mountedSocketDir, d.Port)
	case docker.TCP:
		u.Host = net.JoinHostPort(r.Host, strconv.Itoa(d.Port))
		u.RawQuery = "sslmode=disable"
	case docker.Inside:
		u.Host = "postgres:5432"
		u.RawQuery = "sslmode=disable"
	}
	return u.String()
}

// Settings are the server settings that the services need, and the extensions that the server loads when it starts.
func Settings(d project.Database) map[string]string {
	all := pack.Settings(d.Name, d.Preloaded()...)
	all["max_connections"] = strconv.Itoa(d.MaxConnections)
	return all
}

// Connections that are not Hasura's: superuser_reserved_connections, the most of Auth's pool (pgx: 4, or
// one a core), and those of people.
const (
	reservedConnections = 3
	otherConnections    = 8
	hasuraPool          = 50 // Hasura's own default
)

// hasuraConnections is the size of each of Hasura's two pools, which are full at the same time in the worst case.
func hasuraConnections(p *project.Project, d project.Database) (int, error) {
	most := (d.MaxConnections - reservedConnections - otherConnections) / 2
	v := p.Get("HASURA_GRAPHQL_PG_CONNECTIONS")
	if v == "" {
		return min(most, hasuraPool), nil
	}
	n, err := strconv.Atoi(v)
	if err == nil && n >= 1 && n <= most {
		return n, nil
	}
	return 0, &fault.Error{
		Op: "use HASURA_GRAPHQL_PG_CONNECTIONS", Err: fmt.Errorf("%q is not a number from 1 to %d", v, most),
		Hint: fmt.Sprintf("Hasura has two pools of this size; leave it unset, or raise POSTGRES_MAX_CONNECTIONS, now %d", d.MaxConnections),
	}
}

// extensions of the database, in schema public: Hasura requires pgcrypto there, Auth citext and
// public.gen_random_uuid().
var extensions = []string{"pgcrypto", "citext", "uuid-ossp", "vector"}

// schemas that the services expect and do not make.
var schemas = []string{"auth", "storage", "public"}

// Bootstrap returns the SQL, one statement each, that the database must have run before Hasura and Auth start, as the
// superuser they log in as: they own what it makes. Run again it changes nothing.
func Bootstrap() []string {
	var sql []string
	for _, name := range schemas {
		sql = append(sql, "CREATE SCHEMA IF NOT EXISTS "+name)
	}
	for _, name := range extensions {
		sql = append(sql, `CREATE EXTENSION IF NOT EXISTS "`+name+`" WITH SCHEMA public`)
	}
	return sql
}
