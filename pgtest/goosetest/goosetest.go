// Package goosetest has goose migrate the templates of package pgtest:
//
//	//go:embed migrations
//	var migrations embed.FS
//
//	func TestUsers(t *testing.T) {
//		db := pgxtest.New(t, goosetest.Up(migrations, "migrations"))
//		...
//	}
//
// [pgtest.MigrateFS] reads goose's files too, and needs no goose. This package is for what goose alone can do: migrations in Go,
// variables of the environment, and its own table of versions. It is a module of its own, so that pgtest does not depend on goose.
package goosetest

import (
	"context"
	"database/sql"
	"io/fs"

	"github.com/pressly/goose/v3"

	"nself.org/embeddedpg/pgtest"
	"nself.org/embeddedpg/pgtest/pgxtest"
)

// Up applies all migrations of a directory, and those in Go that are registered with goose. The template is named by the files in
// the directory; where there are migrations in Go, by the test binary too. For goose's options, call goose in [pgxtest.Migrate].
func Up(files fs.FS, dir string) pgtest.Option {
	below, err := fs.Sub(files, dir)
	if err != nil {
		return pgxtest.Migrate("goose", func(context.Context, *sql.DB) error { return err })
	}
	inputs := []pgtest.Input{pgtest.Files(below)}
	if inGo(below) {
		inputs = append(inputs, pgtest.Binary())
	}
	return pgxtest.Migrate("goose", func(ctx context.Context, handle *sql.DB) error {
		p, err := goose.NewProvider(goose.DialectPostgres, handle, below)
		if err != nil {
			return err
		}
		_, err = p.Up(ctx)
		return err
	}, inputs...)
}

// inGo reports whether goose finds migrations in Go. It is asked without a database, which it does not need to answer.
func inGo(files fs.FS) bool {
	p, err := goose.NewProvider(goose.DialectPostgres, &sql.DB{}, files)
	if err != nil {
		return false // Up says why
	}
	for _, source := range p.ListSources() {
		if source.Type == goose.TypeGo {
			return true
		}
	}
	return false
}
