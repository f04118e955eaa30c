// Package migratetest has golang-migrate migrate the templates of package pgtest:
//
//	//go:embed migrations
//	var migrations embed.FS
//
//	func TestUsers(t *testing.T) {
//		db := pgxtest.New(t, migratetest.Up(migrations, "migrations"))
//		...
//	}
//
// [pgtest.MigrateFS] reads golang-migrate's files too, and needs no golang-migrate. This package is for its own table of versions. It
// is a module of its own, so that pgtest does not depend on golang-migrate.
package migratetest

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/golang-migrate/migrate/v4/source/iofs"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

// Up applies all migrations of a directory. The template is named by the files in it. For other sources and settings, such as
// MultiStatementEnabled, call golang-migrate in [pgxtest.Migrate].
func Up(files fs.FS, dir string) pgtest.Option {
	below, err := fs.Sub(files, dir)
	if err != nil {
		return pgxtest.Migrate("golang-migrate", func(context.Context, *sql.DB) error { return err })
	}
	return pgxtest.Migrate("golang-migrate", func(ctx context.Context, handle *sql.DB) error {
		source, err := iofs.New(below, ".")
		if err != nil {
			return err
		}
		driver, err := pgx.WithInstance(handle, &pgx.Config{})
		if err != nil {
			return errors.Join(err, source.Close())
		}
		m, err := migrate.NewWithInstance("iofs", source, "pgx5", driver)
		if err != nil {
			return errors.Join(err, source.Close(), driver.Close())
		}
		err = m.Up()
		fromSource, fromDriver := m.Close()
		return errors.Join(err, fromSource, fromDriver)
	}, pgtest.Files(below))
}
