package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"
	"nself.org/embeddedpg"
)

func newDBRestore(p *project) *cobra.Command {
	var overwrite, yes bool
	c := &cobra.Command{
		Use:   "restore FILE [-- arguments of pg_restore or psql]",
		Short: "Read a dump into the database",
		Long: `Read a dump, of pg_dump's custom format or SQL, into the database: all of it, or nothing if something in it
fails.

It is read into a new database, which takes the other's place when all of it is there; connections to the old
one are ended. A database that has tables is refused, unless --overwrite is given.`,
		Example: `  nself db restore app_20260101_120000.dump
  nself db restore --overwrite --yes app.sql
  nself db restore app.dump -- --no-owner --no-privileges   # if its roles are not here`,
		RunE: func(cmd *cobra.Command, args []string) error {
			file, rest, err := fileAndRest(cmd, args)
			if err == nil && file == "" {
				err = &embeddedpg.Error{Op: "restore", Err: errors.New("which file?"), Hint: "nself db restore FILE; nself db dump makes such files"}
			}
			if err != nil {
				return err
			}
			sql, err := isSQL(file)
			if err != nil {
				return &embeddedpg.Error{Op: "read the dump", Path: file, Err: plainPath(err), Hint: "nself db dump makes such files"}
			}
			db, err := p.reach(cmd.Context())
			if err != nil {
				return err
			}
			used, err := db.used(cmd.Context())
			if err != nil {
				return err
			}
			if used && !overwrite {
				return &embeddedpg.Error{Op: "restore into the database", Path: db.name, Err: errors.New("it has tables already"), Hint: "replace all of it: nself db restore --overwrite " + file}
			}
			if used {
				if err := confirm(cmd, yes, "all data of the database "+db.name+" will be replaced"); err != nil {
					return err
				}
			}
			err = db.replace(cmd.Context(), func(next database) error { return next.restore(cmd.Context(), file, sql, rest...) })
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "Restored %s into the database %s.\n", file, db.name)
			}
			return err
		},
	}
	c.Flags().BoolVar(&overwrite, "overwrite", false, "replace a database that has tables")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}

// isSQL tells a script from a custom-format dump, which begins with PGDMP.
func isSQL(file string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	magic := make([]byte, 5)
	_, err = io.ReadFull(f, magic)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return false, errors.New("it is too short")
	}
	return string(magic) != "PGDMP", err
}

// restore reads a dump in one transaction.
func (d database) restore(ctx context.Context, file string, sql bool, args ...string) error {
	program, own := "pg_restore", []string{"--single-transaction", "--exit-on-error", "--no-password", "--dbname=" + d.name}
	if sql {
		program, own = "psql", []string{"--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--no-password", "--output=" + os.DevNull, "--file=" + file}
	} else {
		args = append(args, file)
	}
	err := d.tool(ctx, program, append(own, args...)...)
	var code exitCode
	if errors.As(err, &code) {
		return &embeddedpg.Error{
			Op: "restore", Path: file, Err: fmt.Errorf("%s ended with exit code %d; the database is as it was", program, int(code)),
			Hint: "its message is above; roles that are not here: nself db restore FILE -- --no-owner --no-privileges",
		}
	}
	return err
}

// used reports whether there are tables, views or sequences but PostgreSQL's own and those of extensions.
func (d database) used(ctx context.Context) (used bool, err error) {
	c, err := d.connect(ctx)
	if err != nil {
		return false, err
	}
	defer c.Close(ctx)
	err = c.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%'
AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e'))`).Scan(&used)
	return used, err
}

// replace makes a new database, has it filled, and gives it the name of this one, whose connections are ended and
// which is dropped. If filling fails, this one stays as it was.
func (d database) replace(ctx context.Context, fill func(next database) error) error {
	ctx = context.WithoutCancel(ctx)
	other := d.in("postgres")
	if d.name == other.name {
		other = d.in("template1")
	}
	c, err := other.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	quote := func(name string) string { return pgx.Identifier{name}.Sanitize() }
	next, old := d.in(short(d.name)+"_next"), short(d.name)+"_old"
	do := func(statements ...string) error {
		for _, sql := range statements {
			if _, err := c.Exec(ctx, sql); err != nil {
				return fmt.Errorf("replace the database %s: %w", d.name, err)
			}
		}
		return nil
	}
	// Leftovers of a run that was killed: next was not complete, and old is there only if its successor is.
	if err := do("DROP DATABASE IF EXISTS "+quote(next.name)+" WITH (FORCE)", "CREATE DATABASE "+quote(next.name)+" TEMPLATE template0"); err != nil {
		return err
	}
	if err := fill(next); err != nil {
		return errors.Join(err, do("DROP DATABASE "+quote(next.name)+" WITH (FORCE)"))
	}
	if err := do("DROP DATABASE IF EXISTS " + quote(old) + " WITH (FORCE)"); err != nil {
		return err
	}
	if err := swap(ctx, other, c, d.name, old, next.name); err != nil {
		return errors.Join(fmt.Errorf("replace the database %s: %w", d.name, err), do("DROP DATABASE "+quote(next.name)+" WITH (FORCE)"))
	}
	return do("DROP DATABASE " + quote(old) + " WITH (FORCE)")
}

// swap renames name to old, and next to name, in one transaction. Clients that come back at once do not prevent
// it: a rename first shuts new connections out (ALTER DATABASE locks the database), and then waits some
// seconds for those there to leave, which end meanwhile.
func swap(ctx context.Context, server database, c *pgx.Conn, name, old, next string) error {
	killer, err := server.connect(ctx)
	if err != nil {
		return err
	}
	defer killer.Close(ctx)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			_, _ = killer.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ($1, $2)", name, next)
			select {
			case <-done:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	err = pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		for _, names := range [][2]string{{name, old}, {next, name}} {
			_, err := tx.Exec(ctx, "ALTER DATABASE "+pgx.Identifier{names[0]}.Sanitize()+" RENAME TO "+pgx.Identifier{names[1]}.Sanitize())
			if err != nil {
				return err
			}
		}
		return nil
	})
	close(done)
	<-ended
	return err
}

// short leaves room for an ending: a name has at most 63 bytes (NAMEDATALEN-1).
func short(name string) string { return name[:min(len(name), 50)] }
