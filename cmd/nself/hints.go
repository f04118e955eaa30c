package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/cluster"
	"nself.org/embeddedpg/internal/fault"
	"nself.org/embeddedpg/internal/image"
	"nself.org/embeddedpg/internal/programs"
)

// advise has every command's errors pass through hint.
func advise(c *cobra.Command, p *project) {
	if run := c.RunE; run != nil {
		c.RunE = func(cmd *cobra.Command, args []string) error {
			return p.hint(context.WithoutCancel(cmd.Context()), run(cmd, args))
		}
	}
	for _, below := range c.Commands() {
		advise(below, p)
	}
}

// hint puts what the command offers in the place of the library's advice, which knows of Go programs alone.
func (p *project) hint(ctx context.Context, err error) error {
	var e *fault.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Op == programs.OpModule:
		e.Hint = "unset PGLITE_WASM_PATH: PostgreSQL " + image.Version + " is built in; an override is a postgres.wasm made by this project's `make wasm`"
	case strings.Contains(e.Err.Error(), cluster.LostWAL):
		e.Hint = p.lostWALHint(ctx)
	}
	return err
}

// lostWALHint names the newest good backup.
func (p *project) lostWALHint(ctx context.Context) string {
	const aside = "its write-ahead log is lost or damaged; "
	dir, name, err := (&backups{project: p}).place()
	if err != nil {
		return aside + "restore a backup"
	}
	all, _ := backup.List(ctx, dir, name)
	for _, b := range slices.Backward(all) {
		switch {
		case b.Damaged != nil:
		case b.Format.Physical():
			return aside + "the newest backup is " + b.ID + ": nself backup restore " + b.ID + " (the present data directory is kept)"
		default:
			return aside + "the newest backup is " + b.ID + ": move the data directory away, nself start, and nself backup restore " + b.ID
		}
	}
	return aside + "there is no backup in " + dir + ": copy the data directory, and see pg_resetwal in PostgreSQL's documentation"
}
