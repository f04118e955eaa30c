// Package testsuite is a package that keeps users in PostgreSQL. Its tests are the example: each has a database of its
// own, and they run in parallel.
package testsuite

import (
	"context"
	"embed"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Migrations are the schema, in the order of the files' names.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Errors of Users.
var (
	ErrTaken   = errors.New("the address is taken")
	ErrUnknown = errors.New("there is no such user")
)

// Users keeps users by their mail addresses.
type Users struct{ Pool *pgxpool.Pool }

// Add makes a user and returns its number.
func (u Users) Add(ctx context.Context, address string) (id int64, err error) {
	err = u.Pool.QueryRow(ctx, "INSERT INTO users (address) VALUES ($1) RETURNING id", address).Scan(&id)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.ConstraintName == "users_address_key" {
		return 0, ErrTaken
	}
	return id, err
}

// Find returns the number of the user with an address, whatever its case.
func (u Users) Find(ctx context.Context, address string) (id int64, err error) {
	err = u.Pool.QueryRow(ctx, "SELECT id FROM users WHERE lower(address) = lower($1)", address).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, ErrUnknown
	}
	return id, err
}
