package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/connect"
	"nself.org/embeddedpg/internal/fault"
)

// provide makes an existing cluster what the configuration says: the database exists, and the password
// is the superuser's. A new cluster is that already. notice is told of a database that was made beside others.
func provide(ctx context.Context, db *embeddedpg.Server, s State, password string, notice func(string)) error {
	err := Ping(ctx, s, password)
	var pe *pgconn.PgError
	if err == nil || !errors.As(err, &pe) {
		return err
	}
	const invalidPassword, invalidCatalogName, undefinedRole = "28P01", "3D000", "28000"
	switch pe.Code {
	case invalidPassword, invalidCatalogName:
	default:
		return err
	}
	c, err := inProcess(ctx, db, s.User)
	if errors.As(err, &pe) && pe.Code == undefinedRole {
		return &fault.Error{
			Op: "use the role", Path: s.User, Err: errors.New("the cluster in the runtime directory has no such role"),
			Hint: "set POSTGRES_USER to the role that the cluster was made with",
		}
	}
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	role, database := pgx.Identifier{s.User}.Sanitize(), pgx.Identifier{s.Database}.Sanitize()
	// The statements hold the password: they must not be logged, not even when they fail.
	sql := []string{
		"SET log_statement = none", "SET log_min_duration_statement = -1", "SET log_min_error_statement = panic",
		"ALTER ROLE " + role + " PASSWORD " + quoteLiteral(password),
	}
	var exists bool
	if err := c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", s.Database).Scan(&exists); err != nil {
		return err
	}
	if !exists {
		sql = append(sql, "CREATE DATABASE "+database)
	}
	for _, q := range sql {
		if _, err := c.Exec(ctx, q); err != nil {
			return fmt.Errorf("set up role and database: %w", err)
		}
	}
	if !exists {
		if err := tellOthers(ctx, c, s.Database, notice); err != nil {
			return err
		}
	}
	return Ping(ctx, s, password)
}

// tellOthers says which databases there are beside the one that was just made, as the data may be in one of them.
func tellOthers(ctx context.Context, c *pgx.Conn, made string, notice func(string)) error {
	rows, err := c.Query(ctx, `SELECT datname || ' (' || pg_size_pretty(pg_database_size(oid)) || ')' FROM pg_database
WHERE datallowconn AND NOT datistemplate AND datname <> $1 ORDER BY pg_database_size(oid) DESC`, made)
	if err != nil {
		return err
	}
	others, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil {
		notice(fmt.Sprintf("The cluster had no database %q: an empty one was made. Others there: %s.", made, strings.Join(others, ", ")))
	}
	return err
}

// inProcess connects past the password check.
func inProcess(ctx context.Context, db *embeddedpg.Server, user string) (*pgx.Conn, error) {
	cfg, err := configOf(connect.Server{Host: "in-process", Port: 5432, User: user, Database: "postgres"})
	if err != nil {
		return nil, err
	}
	cfg.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return db.Dial(ctx) }
	return pgx.ConnectConfig(ctx, cfg)
}

func configOf(s connect.Server) (*pgx.ConnConfig, error) {
	return connect.Config(s.URL(), pgx.ParseConfig, func(c *pgx.ConnConfig) *pgconn.Config { return &c.Config })
}

// Ping runs a query by the route that clients take: the Unix socket, with the password.
func Ping(ctx context.Context, s State, password string) error {
	cfg, err := configOf(connect.Server{Host: s.SocketDir, Port: s.Port, User: s.User, Password: password, Database: s.Database})
	if err != nil {
		return err
	}
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	var one int
	return c.QueryRow(ctx, "SELECT 1").Scan(&one)
}

// quoteLiteral quotes a string constant; standard_conforming_strings may be off.
func quoteLiteral(s string) string {
	s = strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, `\`) {
		return "E'" + strings.ReplaceAll(s, `\`, `\\`) + "'"
	}
	return "'" + s + "'"
}
