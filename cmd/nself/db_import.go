package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/spf13/cobra"

	"nself.org/embeddedpg"
	"nself.org/embeddedpg/internal/backup"
	"nself.org/embeddedpg/internal/connect"
	"nself.org/embeddedpg/internal/hostdir"
)

// importing is what the flags say.
type importing struct {
	from, to             string
	fromDocker, toDocker bool
	yes, discard         bool
	mapLocales           bool
}

func newDBImport(p *project) *cobra.Command {
	var o importing
	var overwrite bool
	c := &cobra.Command{
		Use:   "import --from URL | --to URL | --from-docker | --to-docker",
		Short: "Move the data from or to another PostgreSQL server",
		Long: `Copy a database of another server into the project's, or with --to the project's into another's, by
the pg_dump and pg_restore that are part of nself: all of it, or nothing. It asks before it replaces
a database that is not empty. The other server may be of PostgreSQL 9.2 or later to copy from, and
of 18 or later to copy to; its database must be there. With --from-docker and --to-docker the other
is the project's own database in Docker, which is started for it if it does not run, and stopped
again. Roles are not copied, and what belonged to them belongs to the user who connects.

The password of the URL is better given by PGPASSWORD or ~/.pgpass: a command line can be seen by
others.`,
		Example: `  PGPASSWORD=... nself db import --from postgresql://postgres@127.0.0.1:5433/app
  PGPASSWORD=... nself db import --to postgresql://postgres@db.example.org/app
  nself start --embedded-pg --only postgres && nself db import --from-docker`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.yes = o.yes || overwrite
			source, target, done, err := o.ends(cmd, p)
			if err != nil {
				return err
			}
			defer done()
			if err := o.ask(cmd, source, target); err != nil {
				return err
			}
			return o.copy(cmd, source, target)
		},
	}
	c.Flags().StringVar(&o.from, "from", "", "the URL of the database to copy")
	c.Flags().StringVar(&o.to, "to", "", "the URL of the database to copy to")
	c.Flags().BoolVar(&o.fromDocker, "from-docker", false, "copy the project's database in Docker")
	c.Flags().BoolVar(&o.toDocker, "to-docker", false, "copy to the project's database in Docker")
	c.Flags().BoolVar(&o.discard, "discard-old", false, "drop the old database also where the new one holds nothing")
	c.Flags().BoolVar(&o.mapLocales, "map-locales", false, "sort by ICU where the other server sorts by its C library: en-US for en_US.UTF-8")
	c.Flags().BoolVar(&overwrite, "overwrite", false, "the same as --yes")
	c.Flags().BoolVarP(&o.yes, "yes", "y", false, "do not ask")
	return c
}

// ends returns the database to copy and the one to replace. done is to be called when they are not needed any more.
func (o *importing) ends(cmd *cobra.Command, p *project) (source, target database, done func(), err error) {
	ways := 0
	for _, given := range []bool{o.from != "", o.to != "", o.fromDocker, o.toDocker} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return source, target, nil, &embeddedpg.Error{Op: verb(cmd), Err: errors.New("the source or the target is missing"), Hint: "give one of --from URL, --to URL, --from-docker and --to-docker"}
	}
	here, err := p.reach(cmd.Context())
	if err != nil {
		return source, target, nil, err
	}
	var there database
	done = func() {}
	if o.fromDocker || o.toDocker {
		there, done, err = p.inDocker(cmd)
	} else {
		there, err = otherServer(o.from + o.to)
	}
	if o.to != "" || o.toDocker {
		return here, there, done, err
	}
	return there, here, done, err
}

// ask asks before a database is replaced that holds something.
func (o *importing) ask(cmd *cobra.Command, source, target database) error {
	present, err := backup.Look(cmd.Context(), target.target(), target.name)
	if err != nil {
		return err
	}
	if !present.Exists {
		return &embeddedpg.Error{Op: "import into the database", Path: target.name, Err: errors.New("there is no such database at " + target.host), Hint: "make it first, with its owner: CREATE DATABASE"}
	}
	if !present.Used {
		return nil
	}
	holds, err := backup.Holds(cmd.Context(), source.target(), source.name)
	if err != nil {
		return err
	}
	return confirm(cmd, o.yes, fmt.Sprintf("the database %s at %s (%s) will be replaced by %s at %s (%s)",
		target.name, target.host, measured(present.Measure), source.name, source.host, measured(holds)))
}

// copy dumps the one and restores it into the other, all or nothing.
func (o *importing) copy(cmd *cobra.Command, source, target database) error {
	dir, err := hostdir.MakeTemp("", "nself-import-") // mode 0700
	if err != nil {
		return err
	}
	defer dir.Remove()
	file := filepath.Join(dir.Path(), "dump")
	if err := source.dump(cmd.Context(), file, "custom", "--no-owner", "--no-privileges"); err != nil {
		return err
	}
	locale := ""
	if o.mapLocales {
		if locale, err = backup.LibcLocale(cmd.Context(), source.target(), source.name); err != nil {
			return err
		}
	}
	show := newBackupProgress(cmd.ErrOrStderr())
	done, err := backup.Restore(cmd.Context(), target.target(), backup.RestoreOptions{
		Backup: &backup.Backup{ID: "the database " + source.name, Format: backup.Custom, Path: file}, Database: target.name,
		Args: []string{"--no-owner", "--no-privileges"}, Progress: show.show, Discard: o.discard,
		MapLocales: o.mapLocales, Locale: locale,
	})
	show.end()
	if err != nil {
		return restoreHint(err)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Copied the database %s into %s: %s.\n  Before: %s\n", source.name, target.name, measured(done.After), measured(done.Before))
	tellKept(cmd.OutOrStdout(), done)
	return nil
}

// otherServer reads a URL. The password may be in PGPASSWORD or ~/.pgpass.
func otherServer(address string) (database, error) {
	cfg, err := connect.Foreign(address, pgx.ParseConfig, func(c *pgx.ConnConfig) *pgconn.Config { return &c.Config })
	if err != nil {
		return database{}, &embeddedpg.Error{Op: "use the URL", Err: errors.New("it is not a PostgreSQL URL"), Hint: "such as postgresql://postgres@127.0.0.1:5433/app"} // err may show its password
	}
	db := database{host: cfg.Host, port: int(cfg.Port), user: cfg.User, password: cfg.Password, name: cfg.Database, sslmode: "disable"}
	if cfg.TLSConfig != nil || len(cfg.Fallbacks) > 0 {
		db.sslmode = "prefer"
		if u, err := url.Parse(address); err == nil {
			db.sslmode = cmp.Or(u.Query().Get("sslmode"), os.Getenv("PGSSLMODE"), "prefer")
		}
	}
	return db, nil
}
