package backup

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
)

// What package move shares with backups: the same sums, roles and client programs. The connections are its own, with the settings of
// AsText.

// AsText are the settings of a session in which the text of every value is the same on all servers.
var AsText = map[string]string{
	"search_path": `""`, "datestyle": "ISO", "intervalstyle": "postgres", "extra_float_digits": "1", "timezone": "UTC",
	"bytea_output": "hex", "lc_monetary": "C", "row_security": "off",
	"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0",
}

// Run runs one of PostgreSQL's client programs on the server. The error of one that fails is what it said.
func (t Target) Run(ctx context.Context, database, name string, args ...string) error {
	return t.run(ctx, database, nil, name, args...)
}

// Sums returns the tables of the connection's database, without those of extensions, with their rows counted and added up.
func Sums(ctx context.Context, c *pgconn.PgConn) ([]Table, error) {
	s := &session{c}
	tables, err := tableNames(ctx, s)
	if err != nil {
		return nil, err
	}
	return sumRows(ctx, s, tables, func(int) {})
}

// IsUsed reports whether somebody made something in the connection's database.
func IsUsed(ctx context.Context, c *pgconn.PgConn) (bool, error) { return used(ctx, &session{c}) }

// Roles returns the roles of the connection's server. It takes a superuser.
func Roles(ctx context.Context, c *pgconn.PgConn) ([]Role, error) {
	var all Contents
	err := all.readRoles(ctx, &session{c})
	return all.Roles, err
}

// ProvideRoles makes the roles that the connection's server lacks, and returns their names.
func ProvideRoles(ctx context.Context, c *pgconn.PgConn, roles []Role) ([]string, error) {
	return (&Contents{Roles: roles}).provideRoles(ctx, &session{c})
}
