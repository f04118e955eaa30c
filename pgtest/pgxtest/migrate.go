package pgxtest

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"runtime"

	"github.com/jackc/pgx/v5/stdlib"

	"nself.org/embeddedpg/pgtest"
)

// Migrate is [pgtest.Migrate] for a migration library that takes a handle of database/sql, which is closed afterwards.
func Migrate(name string, migrate func(ctx context.Context, handle *sql.DB) error, inputs ...pgtest.Input) pgtest.Option {
	name += " " + runtime.FuncForPC(reflect.ValueOf(migrate).Pointer()).Name()
	return pgtest.Migrate(name, func(ctx context.Context, db *pgtest.DB) (err error) {
		cfg, err := config(db)
		if err != nil {
			return err
		}
		handle := stdlib.OpenDB(*cfg)
		defer func() { err = errors.Join(err, handle.Close()) }()
		return migrate(ctx, handle)
	}, inputs...)
}
