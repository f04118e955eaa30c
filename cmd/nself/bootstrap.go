package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/cmd/nself/internal/compose"
)

// bootstrap returns the statements that make an empty database one for Hasura and Auth; none if the project is
// a database alone.
func (p *project) bootstrap() []string {
	if !p.built() {
		return nil
	}
	return compose.Bootstrap()
}

// bootstrap runs statements that change nothing if they ran before.
func (d database) bootstrap(ctx context.Context, statements []string) error {
	if len(statements) == 0 {
		return nil
	}
	c, err := d.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	return runAll(ctx, c, d.name, statements)
}

func runAll(ctx context.Context, c *pgx.Conn, name string, statements []string) error {
	for _, sql := range statements {
		if _, err := c.Exec(ctx, sql); err != nil {
			return &embeddedpg.Error{Op: "set up the database", Path: name, Err: fmt.Errorf("%s: %w", sql, err), Hint: "correct it with nself psql, or start without this step: nself start --skip-db-init"}
		}
	}
	return nil
}
